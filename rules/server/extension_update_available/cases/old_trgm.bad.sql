-- expect: extension pg_trgm
create extension pg_trgm version '1.3';
