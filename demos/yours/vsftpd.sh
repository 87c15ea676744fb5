#!/bin/sh
# vsftpd at PORT, with one folder for everybody: pub, and in it a file of 100 KiB.
# Debian keeps servers where only root looks for them.
PATH=$PATH:/usr/sbin
mkdir -p "$STATE_DIR/files/pub"
seq 20000 | head -c 102400 > "$STATE_DIR/files/pub/long.txt"
cat > "$STATE_DIR/vsftpd.conf" <<END
listen=YES
listen_address=$HOST
listen_port=$PORT
background=NO
run_as_launching_user=YES
anonymous_enable=YES
anon_root=$STATE_DIR/files
allow_writeable_chroot=YES
seccomp_sandbox=NO
xferlog_enable=NO
vsftpd_log_file=$STATE_DIR/vsftpd.log
END
exec vsftpd "$STATE_DIR/vsftpd.conf"
