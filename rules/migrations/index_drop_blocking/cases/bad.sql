-- expect
drop index orders_customer_idx;
-- expect
drop index if exists app."Old_Index";
