begin;
savepoint a;
rollback to savepoint a;
commit;
start transaction;
rollback;
