-- A publishing site in several languages: full-text search, slugs, trees, bookings of rooms for its events.
create extension if not exists pg_stat_statements;
create extension if not exists pg_trgm;
select setseed(0.88);
create table authors (id integer generated always as identity primary key, name text not null, slug text not null);
create table articles (
    id bigint generated always as identity primary key, author_id integer not null references authors (id), section text not null, status text not null, published_at timestamptz, views integer not null default 0,
    featured boolean not null default false, created_at timestamptz not null
) with (fillfactor = 85);
create table translations (
    id bigint generated always as identity primary key, article_id bigint not null references articles (id) on delete cascade, locale varchar(5) not null, slug text not null, title text not null, body text not null
);
create table tags (id integer generated always as identity primary key, name text not null);
create table article_tags (article_id bigint not null references articles (id), tag_id integer not null references tags (id), primary key (article_id, tag_id));
create table comments (
    id bigint generated always as identity primary key, article_id bigint not null references articles (id), parent_id bigint references comments (id), author_name text not null, body text not null, state text not null, created_at timestamptz not null
);
create table redirects (id bigint generated always as identity primary key, old_path text not null, new_path text not null);
create table subscribers (id bigint generated always as identity primary key, email text not null, locale varchar(5) not null, confirmed boolean not null, token text not null, created_at timestamptz not null);
create table page_views (article_id bigint not null, day date not null, views integer not null, primary key (article_id, day));
create table bookings (id bigint generated always as identity primary key, room_id integer not null, during tstzrange not null, guest text not null);
insert into authors (name, slug) select 'Author ' || i, 'author-' || i from generate_series(1, 300) i;
insert into articles (author_id, section, status, published_at, views, featured, created_at)
select 1 + (random() * 299)::int, (array['news', 'culture', 'sport', 'science', 'opinion'])[1 + (random() * random() * 4)::int], case when i % 30 = 0 then 'draft' when i % 90 = 1 then 'review' else 'published' end,
    case when i % 30 <> 0 then now() - interval '1500 days' + i * (interval '1500 days' / 60000) end, (random() * random() * 10000)::int, random() < 0.01, now() - interval '1500 days' + i * (interval '1500 days' / 60000) from generate_series(1, 60000) i;
insert into translations (article_id, locale, slug, title, body)
select a, l, 'article-' || a || '-' || l, (array['Growth', 'Crisis', 'Victory', 'Discovery', 'Debate', 'Harvest'])[1 + a % 6] || ' in ' || (array['Lyon', 'Turin', 'Porto', 'Gdansk', 'Ghent'])[1 + a % 5] || ' ' || a,
    repeat('Lorem ipsum dolor ' || a % 900 || ' ', 12) from generate_series(1, 60000) a, unnest(array['en', 'de', 'fr']) l;
insert into tags (name) select 'tag' || i from generate_series(1, 800) i;
insert into article_tags select 1 + (random() * 59999)::int, 1 + (random() * random() * 799)::int from generate_series(1, 180000) on conflict do nothing;
insert into comments (article_id, parent_id, author_name, body, state, created_at)
select 1 + (random() * random() * 59999)::int, case when i > 1000 and random() < 0.3 then (random() * (i - 1))::int + 1 end, 'Reader ' || i % 9000, repeat('yes ', 15), case when i > 249000 then 'new' when random() < 0.05 then 'spam' else 'shown' end,
    now() - interval '900 days' + i * (interval '900 days' / 250000) from generate_series(1, 250000) i;
insert into redirects (old_path, new_path) select '/old/' || md5(i::text), '/new/' || i from generate_series(1, 40000) i;
insert into subscribers (email, locale, confirmed, token, created_at) select 'Reader' || i || '@post.example', (array['en', 'de', 'fr'])[1 + i % 3], random() < 0.9, md5('s' || i), now() - i * interval '10 minutes' from generate_series(1, 50000) i;
insert into page_views select a, current_date - d, (random() * 100)::int from generate_series(1, 60000, 6) a, generate_series(0, 29) d;
insert into bookings (room_id, during, guest) select 1 + i % 40, tstzrange(at, at + interval '2 hours'), 'Guest ' || i from (select i, now() - interval '400 days' + i * interval '12 minutes' as at from generate_series(1, 50000) i) b;
vacuum (analyze) authors, articles, translations, tags, article_tags, comments, redirects, subscribers, page_views, bookings;
