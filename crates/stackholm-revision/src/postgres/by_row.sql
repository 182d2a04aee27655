-- The step to version 2: a program may ask that the rows of a table are seen one by one.
ALTER TABLE stackholm.revision_table ADD COLUMN by_row boolean NOT NULL DEFAULT false;
DROP FUNCTION IF EXISTS stackholm.revision_track(oid, text[], text[], boolean);
