create role app login;
alter role app password null;
alter role app password 'SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy';
alter role app password '${APP_PASSWORD}';
alter role app connection limit 5;
create subscription s connection 'host=a' publication p;
