#!/bin/sh
# mosquitto at PORT, with what else its configuration is to say as arguments: 'persistence true'.
# Debian keeps servers where only root looks for them.
PATH=$PATH:/usr/sbin
{
  printf 'listener %s %s\nallow_anonymous true\nuser root\n' "$PORT" "$HOST"
  printf 'persistence_location %s/\n' "$STATE_DIR"
  printf '%s\n' "$@"
} > "$STATE_DIR/mosquitto.conf"
exec mosquitto -c "$STATE_DIR/mosquitto.conf"
