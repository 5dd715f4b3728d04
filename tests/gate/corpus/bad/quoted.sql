-- options: schema=shop
SET lock_timeout = '2s';
ALTER TABLE "Mixed Case" ALTER COLUMN "Some Value" TYPE varchar(20);
-- expect: type_change_rewrite
ALTER TABLE "Mixed Case" ALTER COLUMN "Some Value" TYPE varchar(5);
-- expect: rename_column
ALTER TABLE "Mixed Case" RENAME COLUMN "Some Value" TO "Wert äöü";
