-- expect: public.ticket
create sequence ticket maxvalue 1000;
select setval('ticket', 960);
