SET statement_timeout = 0;
SET lock_timeout = 0;
SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);
SET default_tablespace = '';
CREATE TABLE public.posts (
    id bigint NOT NULL,
    title character varying,
    created_at timestamp(6) without time zone NOT NULL
);
CREATE SEQUENCE public.posts_id_seq START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;
ALTER SEQUENCE public.posts_id_seq OWNED BY public.posts.id;
ALTER TABLE ONLY public.posts ALTER COLUMN id SET DEFAULT nextval('public.posts_id_seq'::regclass);
ALTER TABLE ONLY public.posts ADD CONSTRAINT posts_pkey PRIMARY KEY (id);
CREATE INDEX index_posts_on_title ON public.posts USING btree (title);
ALTER TABLE ONLY public.posts ADD CONSTRAINT fk_1 FOREIGN KEY (id) REFERENCES public.posts(id);
SET search_path TO "$user", public;
INSERT INTO "schema_migrations" (version) VALUES ('20240101000000'), ('20240102000000');
