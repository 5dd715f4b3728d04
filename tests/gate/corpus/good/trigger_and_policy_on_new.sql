CREATE TABLE accounts (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), owner name);
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
CREATE POLICY accounts_owner ON accounts USING (owner = current_user);
CREATE TRIGGER t BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
ALTER TABLE accounts DISABLE TRIGGER t;
