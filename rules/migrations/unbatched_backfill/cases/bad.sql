-- expect
update orders set state = 'old';
-- expect
delete from logs where at < now() - interval '1 year';
