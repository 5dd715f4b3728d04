-- options: in-transaction
-- expect: nested_transaction
BEGIN;
CREATE TABLE zz (a int);
-- expect: nested_transaction
COMMIT;
