-- expect: public."Orders_Id_seq"
create table "Orders" ("Id" serial primary key, note text);
select setval('"Orders_Id_seq"', 1800000000);
