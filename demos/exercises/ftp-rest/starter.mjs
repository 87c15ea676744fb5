// A small FTP server (RFC 959). It sends and takes whole files, from their first byte to their last.

import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

const { PORT, HOST = '127.0.0.1', STATE_DIR = '.' } = process.env;

net
  .createServer((control) => {
    /** Where the client dials for the next transfer, which it may do before that is asked for. @type {net.Server | undefined} */
    let door;
    /** Who has dialled there, or will. @type {Promise<net.Socket>} */
    let arriving;
    let rest = '';
    let before = Promise.resolve();

    say('220 Files are here.');
    control.setEncoding('utf8').on('data', (chunk) => {
      const lines = `${rest}${chunk}`.split('\r\n');
      rest = lines.pop() ?? '';
      // One command after the other, each when the one before has been answered.
      for (const line of lines) before = before.then(() => hear(line));
    });
    control.on('error', () => {}).on('close', () => door?.close());

    /** @param {string} line */
    async function hear(line) {
      const [verb = '', argument = ''] = line.split(/ (.*)/);
      switch (verb.toUpperCase()) {
        case 'USER':
          return say('331 Which password?');
        case 'PASS':
          return say('230 Anybody may read and write.');
        case 'TYPE':
          return argument === 'I' ? say('200 Bytes as they are.') : say('504 Nothing but bytes as they are.');
        case 'EPSV':
          return listen();
        case 'RETR':
          return transfer(argument, send);
        case 'STOR':
          return transfer(argument, take);
        case 'QUIT':
          say('221 Good-bye.');
          return void control.end();
        default:
          return say('502 That is not done here.');
      }
    }

    async function listen() {
      door?.close();
      const opened = net.createServer().listen(0, HOST);
      door = opened;
      arriving = new Promise((come) => opened.once('connection', (data) => come(data.on('error', () => {}))));
      await once(opened, 'listening');
      const { port } = /** @type {net.AddressInfo} */ (opened.address());
      say(`229 Entering Extended Passive Mode (|||${port}|)`);
    }

    /** @param {string} name @param {(file: string, data: net.Socket) => Promise<void>} move */
    async function transfer(name, move) {
      // Every name means a file in this folder, whatever stands in front of it.
      const file = path.join(STATE_DIR, path.basename(name));
      if (!door) return say('425 Say EPSV first.');
      if (move === send && !fs.existsSync(file)) return say('550 There is no such file.');
      say('150 The data connection may come.');
      try {
        const data = await arriving;
        await move(file, data);
        say('226 That was all.');
      } catch {
        say('426 The data connection is lost.');
      } finally {
        door.close();
        door = undefined;
      }
    }

    /** @param {string} line */
    function say(line) {
      if (control.writable) control.write(`${line}\r\n`);
    }
  })
  .listen(Number(PORT), HOST);

/** @param {string} file @param {net.Socket} data */
async function send(file, data) {
  await pipeline(fs.createReadStream(file), data);
}

/** @param {string} file @param {net.Socket} data */
async function take(file, data) {
  await pipeline(data, fs.createWriteStream(file, { flush: true }));
}
