#!/bin/sh
# NSD at PORT with a small zone: the names that our own story of DNS asks for, but for one.
# Debian keeps servers where only root looks for them.
PATH=$PATH:/usr/sbin
cat > "$STATE_DIR/example.test.zone" <<END
\$ORIGIN example.test.
@ 3600 IN SOA ns hostmaster 1 7200 900 1209600 300
@ 3600 IN NS ns
@ 3600 IN MX 10 mail
ns 3600 IN A 192.0.2.53
www 3600 IN A 192.0.2.80
alias 3600 IN CNAME www
mail 3600 IN A 192.0.2.25
END
# A text that does not fit into a datagram.
for n in 1 2 3 4 5 6 7; do
  printf 'big 3600 IN TXT "%s %s"\n' "$n" "$(seq -s . 60 | head -c 200)"
done >> "$STATE_DIR/example.test.zone"
cat > "$STATE_DIR/nsd.conf" <<END
server:
  ip-address: $HOST@$PORT
  username: ""
  chroot: ""
  zonesdir: "$STATE_DIR"
  database: ""
  pidfile: ""
  xfrdir: "$STATE_DIR"
  xfrdfile: "$STATE_DIR/xfrd.state"
  zonelistfile: "$STATE_DIR/zone.list"
  server-count: 1
remote-control:
  control-enable: no
zone:
  name: "example.test"
  zonefile: "example.test.zone"
END
exec nsd -d -c "$STATE_DIR/nsd.conf"
