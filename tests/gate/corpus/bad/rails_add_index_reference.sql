-- options: in-transaction
SET lock_timeout TO '5s';
ALTER TABLE "posts" ADD COLUMN "author_id" bigint;
-- expect: index_create_blocking, work_while_holding_exclusive_lock
CREATE INDEX "index_posts_on_author_id" ON "posts" ("author_id");
ALTER TABLE "posts" ADD CONSTRAINT "fk_rails_1" FOREIGN KEY ("author_id") REFERENCES "authors" ("id") NOT VALID;
