# A session server in another language, by somebody who has read the head of src/protocols/tcp-session/wire.ts. With a file name as its
# argument it writes every session down there, in STATE_DIR; without one the process holds them all.
#
#     amnesia litmus --exec "python3 demos/yours/session.py" --protocol tcp-session

import json, os, secrets, socketserver, struct, sys, zlib

WINDOW = 4096
OPEN, OPENED, RESUME, DATA, ACK, CLOSE, RESET = range(1, 8)
path = os.path.join(os.environ['STATE_DIR'], sys.argv[1]) if len(sys.argv) > 1 else None

# Everything this server remembers, filed under the token that a client carries: number, next byte, digest, open or closed.
sessions = {}
if path and os.path.exists(path):
    with open(path) as file:
        sessions = json.load(file)


def write_down():
    """What is promised must be where no kill can take it, before the promise leaves."""
    if not path:
        return
    with open(path + '.new', 'w') as file:
        json.dump(sessions, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + '.new', path)


class Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def say(self, kind, code, body=b''):
        self.wfile.write(struct.pack('>BBH', 0x10 | kind, code, len(body)) + body)

    def acknowledge(self, session, code):
        self.say(ACK, code, struct.pack('>III', session['next'], WINDOW, session['digest']))

    def handle(self):
        session = None
        while len(head := self.rfile.read(4)) == 4:
            first, _, length = struct.unpack('>BBH', head)
            body = self.rfile.read(length)
            kind = first & 15
            if kind == OPEN:
                token = secrets.token_bytes(16)
                (number,) = struct.unpack('>I', body)
                session = {'id': len(sessions) + 1, 'next': number, 'digest': 0, 'is': 'open'}
                sessions[token.hex()] = session
                write_down()
                self.say(OPENED, 0, struct.pack('>I16sII', session['id'], token, number, WINDOW))
            elif kind == RESUME:
                number, token = struct.unpack('>I16s', body)
                session = sessions.get(token.hex())
                if not session or session['id'] != number:
                    return self.say(RESET, 2)
                self.acknowledge(session, 0)
            elif not session:
                return self.say(RESET, 1)
            elif kind == DATA:
                (number,) = struct.unpack('>I', body[:4])
                payload = body[4:]
                ahead = (number - session['next']) & 0xFFFFFFFF
                if ahead != 0:
                    # Numbers wrap: what lies behind has been delivered before.
                    self.acknowledge(session, 1 if ahead >= 0x80000000 else 2)
                    continue
                session['next'] = (number + len(payload)) & 0xFFFFFFFF
                session['digest'] = zlib.crc32(payload, session['digest'])
                write_down()
                self.acknowledge(session, 0)
            elif kind == CLOSE:
                number, digest = struct.unpack('>II', body)
                if number != session['next']:
                    self.acknowledge(session, 2)
                    continue
                if digest != session['digest']:
                    return self.say(RESET, 5)
                session['is'] = 'closed'
                write_down()
                self.say(CLOSE, 0, body)


class Server(socketserver.ThreadingTCPServer):
    # A server that is killed and comes back at once on its port must say so.
    allow_reuse_address = True
    daemon_threads = True


Server((os.environ['HOST'], int(os.environ['PORT'])), Connection).serve_forever()
