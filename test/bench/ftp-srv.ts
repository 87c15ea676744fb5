// The npm package ftp-srv as a server of one folder, for anybody. Not a dependency of this project: measured where somebody has
// installed it.

process.on('disconnect', () => process.exit(0));

const [root, port] = process.argv.slice(2);
const { FtpSrv } = await import('ftp-srv' as string);
const server = new FtpSrv({ url: `ftp://127.0.0.1:${port}`, pasv_url: '127.0.0.1', anonymous: true });
server.on('login', (_who: unknown, resolve: (how: { root: string | undefined }) => void) => resolve({ root }));
await server.listen();
process.send?.(Number(port));
