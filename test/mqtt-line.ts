// One connection of an MQTT client that hides nothing: packets go out as they are given, and come in one by one.

import { connect } from 'node:net';
import mqtt, { type IConnackPacket, type IConnectPacket, type Packet } from 'mqtt-packet';

export type { Packet } from 'mqtt-packet';
export type Version = 4 | 5;

export interface Line {
  write(packet: Packet): void;
  /** Several packets in one write. */
  writeAll(packets: readonly Packet[]): void;
  /** Ends without a word, as a dying client does. */
  cut(): void;
  /** Says DISCONNECT and resolves when the connection is gone. */
  leave(): Promise<void>;
  /** Resolves when the connection is gone, whoever ended it. */
  gone: Promise<void>;
}

/** Resolves to a line, or to undefined where nobody listens. */
export function dial(port: number, version: Version, hear: (packet: Packet) => void): Promise<Line | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const parser = mqtt.parser({ protocolVersion: version });
    const gone = new Promise<void>((ended) => socket.once('close', () => ended()));
    let broken = false;
    parser.on('packet', hear);
    parser.on('error', () => {
      broken = true;
      socket.destroy();
    });
    socket.on('data', (bytes) => {
      if (!broken) parser.parse(bytes);
    });
    // A connection that breaks is gone; that is all there is to know.
    socket.on('error', () => {});
    socket.once('close', () => resolve(undefined));
    const bytesOf = (packet: Packet) => mqtt.generate(packet, { protocolVersion: version });
    socket.once('connect', () =>
      resolve({
        write: (packet) => void socket.write(bytesOf(packet)),
        writeAll: (packets) => void socket.write(Buffer.concat(packets.map(bytesOf))),
        cut: () => void socket.destroy(),
        async leave() {
          socket.end(bytesOf({ cmd: 'disconnect', reasonCode: 0 }));
          await gone;
        },
        gone,
      }),
    );
  });
}

/** CONNECT; without `clean` the session outlives the connection, in both versions. */
export function hello(clientId: string, version: Version, clean: boolean): IConnectPacket {
  return {
    cmd: 'connect',
    clientId,
    protocolId: 'MQTT',
    protocolVersion: version,
    clean,
    keepalive: 0,
    ...(version === 5 && !clean ? { properties: { sessionExpiryInterval: 3600 } } : {}),
  };
}

/** CONNACK's code, whichever version has named it. */
export function codeOf({ returnCode, reasonCode }: IConnackPacket): number {
  return reasonCode ?? returnCode ?? 0;
}
