create type fresh as enum ('a');
alter type fresh rename value 'a' to 'b';
