-- expect: public.cities
create table cities (code text not null, name text);
create unique index "Cities by code" on cities (code);
