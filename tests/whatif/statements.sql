select * from customers where id = 77
select * from customers where email = 'user77@ex0.org'
select * from customers where login = 'login77'
select * from customers where name = 'Name 77'
select * from customers where name like 'Name 77%'
select * from customers where name ilike '%me 4%9'
select * from customers where name_c = 'C12'
select * from customers where name_c like 'C12%'
select * from customers where name_b > 'b27'
select * from customers where lower(name) = 'name 88'
select * from customers where shop.initials(name) = 'N5'
select * from customers where shop.plus_one(level) = 7
select * from customers where level = 7 and name_c = 'C6'
select * from customers where country = 'DE' and created_at > '2024-03-01'
select * from customers where country = 'DE' and st = 'paid' and active
select count(*) from customers where st = 'new' and deleted_at is null
select country, st, active, count(*) from customers group by 1, 2, 3
select * from customers where code = 'c7' or code = 'c9'
select * from customers where code in ('c1', 'c2', 'c3', 'zz')
select * from customers where score between 3 and 4.5
select * from customers where balance > 6000
select * from customers where born between '1970-01-01' and '1970-02-01'
select * from customers where seen >= '2024-08-01' order by seen limit 20
select * from customers where wake < '01:00'
select * from customers where every = '7 days'
select * from customers where not active
select * from customers where active is null
select * from customers where uid = 'c4ca4238-a0b9-2382-0dcc-509a6f75849b'
select * from customers where ip << '10.7.0.0/16'
select * from customers where ip = '10.7.7.7'
select * from customers where mac = '08:00:2b:01:02:07'
select * from customers where flags = B'00000111'
select * from customers where data = '\xc4ca4238a0b923820dcc509a6f75849b'
select * from customers where (addr).city = 'city7'
select * from customers where addr = row('street 1', 'city1', '12345')::address
select * from customers where tags @> array['t3']
select * from customers where tags && array['t3', 'u4']
select * from customers where 't5' = any (tags)
select * from customers where bits @> array[3, 7]
select * from customers where moods @> array['paid']::status[]
select * from customers where attrs @> 'a=>3'
select * from customers where attrs -> 'a' = '3'
select * from customers where profile @> '{"n": 7}'
select * from customers where profile ->> 'n' = '7'
select * from customers where spot <@ box '((1,1),(5,5))'
select * from customers order by spot <-> point '(3,3)' limit 5
select * from customers where price_range @> 55.5
select * from customers where price_range && numrange(10, 12)
select * from customers where price_range << numrange(30, 31)
select * from customers where deleted_at is not null
select * from customers where nothing is not null
select distinct country from customers
select max(created_at) from customers
select min(born) from customers
select full_name from customers where id between 100 and 200
select name from customers where name between 'Name 10' and 'Name 11' order by name
select * from products where body @@ to_tsquery('english', 'red & number')
select * from products where body @@ to_tsquery('english', 'product')
select * from products where price < 2
select * from products where taxed > 300
select * from products where kind = 'a' and size = 3
select * from products where name = 'product 7 blue' and kind = 'b' and size > 0
select p.name, c.name from products p join products c on c.parent = p.id where p.id < 50
select * from orders where customer_id = 99 order by placed desc limit 10
select * from orders where st = 'new' and placed > '2024-06-01' order by placed limit 50
select count(*) from orders where st = 'cancelled' and total > 900
select * from orders where placed between '2024-02-01' and '2024-02-02'
select o.*, c.email from orders o join customers c on c.id = o.customer_id where c.country = 'JP' and o.total > 990
select c.id, sum(o.total) from customers c left join orders o on o.customer_id = c.id where c.code = 'c7' group by c.id
select * from orders o where exists (select from items i where i.order_id = o.id and i.qty > 8) and o.total > 980
select * from orders o where not exists (select from items i where i.order_id = o.id) limit 100
select o.id, i.line, p.name from orders o join items i on i.order_id = o.id join products p on p.id = i.product_id where o.customer_id = 1234
select p.id, sum(i.qty * i.price) from items i join products p on p.id = i.product_id where p.price > 290 group by p.id order by 2 desc limit 10
select st, date_trunc('month', placed), count(*), sum(total) from orders group by 1, 2
select * from (select *, row_number() over (partition by customer_id order by placed desc) as n from orders) x where n <= 3 and customer_id < 100
with recent as (select * from orders where placed > '2024-08-01') select count(*) from recent r join customers c on c.id = r.customer_id where c.active
with recursive tree as (select id, parent from products where id = 4000 union all select p.id, p.parent from products p join tree t on p.id = t.parent) select * from tree
select * from events where user_id = 77 and ts between '2024-01-10' and '2024-01-20'
select * from events where user_id = 77 order by ts desc limit 10
select kind, count(*) from events where ts >= '2024-02-10' and ts < '2024-02-12' group by kind
select * from events where kind = 7 and ts >= '2024-02-01' and ts < '2024-03-01'
select count(*) from events
select * from events where payload = 'abc'
select * from events e join customers c on c.id = e.user_id where e.ts > '2024-03-20' and c.country = 'FR'
select * from events where id = 5000
select * from regions where code = 'fr' and n > 100
select * from base where id = 700
select * from only base where id = 700
select kind, count(*) from base group by kind
select * from bookings where room = 7 and during && tstzrange('2024-01-05', '2024-01-06')
select * from bookings where during @> timestamptz '2024-01-05 12:30'
select * from cache where key = 'k77'
select * from cache where expires < '2024-01-01 00:10'
select * from never_analyzed where id = 7
select * from never_analyzed where v = 'v7'
select count(*) from never_analyzed
select * from empty_table where v = 'x'
select * from secrets where id = 7
select * from "Mixed Case" where "naïve ß" = 7 and "quote""d" = 1
select "select", count(*) from "Mixed Case" group by 1
select * from "Odd ""Schema"""."t;drop" where a = 5
select * from "Odd ""Schema"""."t;drop" where "b%s" = 'x5'
select * from same_name where v = 3
select * from public.same_name where v = 1
select * from public.same_name a join same_name b using (id) where b.id < 10
select * from open_orders where country = 'DE'
select * from open_by_country
select * from guarded where country = 'DE' and name like 'Name 1%'
select * from order_totals where customer_id = 99
select * from order_totals where total > 10000 order by total desc
select longest(name) from customers where country = 'DE'
select * from customers where level === 3
select shop.add_tax(balance) from customers where balance < 10
update orders set st = 'paid' where customer_id = 7
update customers set score = 1 where country = 'DE' and st = 'new'
delete from items where order_id = 55
delete from cache where expires < '2024-01-01 00:01'
delete from customers where id = 5
insert into orders values (999999, 5, 'new', 1, now(), null) on conflict (id) do update set total = excluded.total
insert into items select id, 9, 1, 1, 1 from orders where placed > '2024-08-20'
insert into events values (1, 2, 3, '2024-01-05', 'x')
select * from customers where created_at > now() - interval '1 day'
select * from orders where total = (select max(total) from orders where customer_id = 7)
select * from customers c, lateral (select * from orders o where o.customer_id = c.id order by placed desc limit 2) x where c.code = 'c3'
select country from customers union select code from regions
select country from customers where id < 100 except select code from regions
select count(distinct customer_id) from orders where total > 500
select * from customers where id in (select customer_id from orders where st = 'new' and total > 900)
select * from customers where (country, st) in (('DE', 'new'), ('FR', 'paid'))
select * from generate_series(1, 100) g join customers c on c.id = g
values (1, 2), (3, 4)
