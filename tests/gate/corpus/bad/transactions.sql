-- expect: nested_transaction
COMMIT;
BEGIN;
-- expect: uncommitted_transaction
CREATE TABLE zz (a int);
