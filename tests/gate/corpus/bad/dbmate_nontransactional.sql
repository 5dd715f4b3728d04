-- migrate:up transaction:false
set lock_timeout = '1s';
create index concurrently tags_colour on tags (colour);
-- expect: index_drop_blocking
drop index tags_label;
-- migrate:down
drop index tags_colour;
