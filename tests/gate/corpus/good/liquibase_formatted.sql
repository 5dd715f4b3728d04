--liquibase formatted sql

--changeset anna:1 splitStatements:true
CREATE TABLE person (id int PRIMARY KEY, first_name varchar(50) NOT NULL);
--rollback DROP TABLE person;

--changeset anna:2 runInTransaction:false
CREATE INDEX CONCURRENTLY IF NOT EXISTS visits_person_idx ON visits (person_id);
--rollback DROP INDEX visits_person_idx;
