// What a workload outside this repository needs to know: the shape of a step, and the client of each protocol.

export type { HttpClient, HttpRequest } from './lab/exec/browser.ts';
export type { ExpectingStep as Step } from './lab/exec/http-steps.ts';
export type { DnsClient } from './protocols/dns/client.ts';
export type { FtpClient } from './protocols/ftp/client.ts';
export type { LettersClient as MqttClient } from './protocols/mqtt/client.ts';
export type { SessionClient } from './protocols/tcp-session/client.ts';
export type { EchoClient } from './protocols/udp-echo/client.ts';
export type { ChatClient } from './protocols/websocket/client.ts';
export type { Header, Response } from './wire/http.ts';
