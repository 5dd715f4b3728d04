-- expect: enum_rename_value
ALTER TYPE app.status RENAME VALUE 'new' TO 'fresh';
