-- expect
truncate orders;
