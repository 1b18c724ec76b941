-- The account and the table that the exporter uses in MariaDB (10.5 or later). Run it on the primary, as root; standbys get it
-- by replication. Running it again changes nothing.
--
--     mariadb < mariadb.sql
--     mariadb -e "ALTER USER dr_probe IDENTIFIED BY 'a long secret' ACCOUNT UNLOCK"
--
-- Why each right is needed, and what is lost without it, stands in README.md beside this file.

-- Locked until it has a password. The limit keeps a mistake of ours from taking the sessions of the users.
CREATE USER IF NOT EXISTS dr_probe@'%' WITH MAX_USER_CONNECTIONS 20 ACCOUNT LOCK;

-- SHOW ALL SLAVES STATUS; later versions also call it REPLICA MONITOR.
GRANT SLAVE MONITOR ON *.* TO dr_probe@'%';

CREATE DATABASE IF NOT EXISTS rto_rpo;

-- Small records that we write and look for: one row a marker, removed by us after 15 minutes.
CREATE TABLE IF NOT EXISTS rto_rpo.canary (
    vantage varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    seq     bigint       NOT NULL,
    sent_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    PRIMARY KEY (vantage, seq)
) ENGINE = InnoDB;
GRANT SELECT, INSERT, DELETE ON rto_rpo.canary TO dr_probe@'%';
