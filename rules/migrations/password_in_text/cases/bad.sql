-- expect
create role app login password 'letmein';
-- expect
alter user app with encrypted password 'letmein';
-- expect
create user mapping for app server other options (user 'a', password 'letmein');
-- expect
create subscription s connection 'host=a password=letmein' publication p;
