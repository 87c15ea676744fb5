/* The exercise name-not-path, solved in C: a session is filed under its token. One process, one poll, and every table has a bound. */

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OPEN = 1, OPENED, RESUME, DATA, ACK, CLOSE, RESET };
enum { NO_SESSION = 1, UNKNOWN = 2, DIGEST = 5, WINDOW = 4096, LONGEST = 4 + 4 + 1024, GUESTS = 64, SESSIONS = 1024 };

struct session {
  uint32_t number, next, digest;
  unsigned char token[16];
};

/* The session that a connection speaks for, and what has arrived of its next message. */
struct guest {
  struct session *session;
  unsigned char rest[LONGEST];
  size_t kept;
};

static struct session sessions[SESSIONS];
static uint32_t opened;
static struct pollfd sockets[1 + GUESTS];
static struct guest guests[1 + GUESTS];

static uint32_t get(const unsigned char *at) {
  return (uint32_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
}

static void put(unsigned char *at, uint32_t value) {
  for (int byte = 0; byte < 4; byte++) at[byte] = value >> (24 - 8 * byte);
}

static uint32_t crc32(uint32_t before, const unsigned char *bytes, size_t length) {
  uint32_t sum = ~before;
  for (size_t at = 0; at < length; at++) {
    sum ^= bytes[at];
    for (int bit = 0; bit < 8; bit++) sum = sum >> 1 ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum;
}

static int say(int to, int type, int code, const unsigned char *body, size_t length) {
  unsigned char message[64] = {0x10 | type, code, length >> 8, length};
  if (length > 0) memcpy(message + 4, body, length);
  return write(to, message, 4 + length) == (ssize_t)(4 + length) && type != RESET;
}

static int acknowledge(int to, const struct session *session, int code) {
  unsigned char body[12];
  put(body, session->next), put(body + 4, WINDOW), put(body + 8, session->digest);
  return say(to, ACK, code, body, sizeof body);
}

/* Answers one message. Returns 0 when the connection ends with it. */
static int hear(int from, struct guest *guest, int type, const unsigned char *body, size_t length) {
  struct session *session = guest->session;
  if (type == OPEN && length == 4 && opened < SESSIONS) {
    session = guest->session = &sessions[opened++];
    session->number = opened, session->next = get(body), session->digest = 0;
    if (getrandom(session->token, 16, 0) != 16) return 0;
    unsigned char answer[28];
    put(answer, session->number), memcpy(answer + 4, session->token, 16);
    put(answer + 20, session->next), put(answer + 24, WINDOW);
    return say(from, OPENED, 0, answer, sizeof answer);
  }
  if (type == RESUME && length == 20) {
    for (uint32_t at = 0; at < opened; at++)
      if (memcmp(sessions[at].token, body + 4, 16) == 0 && sessions[at].number == get(body))
        return acknowledge(from, guest->session = &sessions[at], 0);
    return say(from, RESET, UNKNOWN, NULL, 0);
  }
  if (session == NULL) return say(from, RESET, NO_SESSION, NULL, 0);
  if (type == DATA && length > 4) {
    int is_next = get(body) == session->next;
    if (is_next) {
      session->digest = crc32(session->digest, body + 4, length - 4);
      session->next += length - 4;
    }
    return acknowledge(from, session, is_next ? 0 : 2);
  }
  if (type == CLOSE && length == 8) {
    if (get(body) != session->next) return acknowledge(from, session, 2);
    if (get(body + 4) != session->digest) return say(from, RESET, DIGEST, NULL, 0);
    return say(from, CLOSE, 0, body, 8);
  }
  return 0;
}

/* Takes whole messages from the front of what has arrived. Returns 0 when the connection is over. */
static int attend(int from, struct guest *guest) {
  ssize_t size = read(from, guest->rest + guest->kept, sizeof guest->rest - guest->kept);
  if (size <= 0) return 0;
  guest->kept += size;
  while (guest->kept >= 4) {
    size_t length = guest->rest[2] << 8 | guest->rest[3];
    if (4 + length > sizeof guest->rest) return 0;
    if (guest->kept < 4 + length) break;
    if (!hear(from, guest, guest->rest[0] & 15, guest->rest + 4, length)) return 0;
    guest->kept -= 4 + length;
    memmove(guest->rest, guest->rest + 4 + length, guest->kept);
  }
  return 1;
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(atoi(getenv("PORT")))};
  inet_pton(AF_INET, getenv("HOST"), &here.sin_addr);
  int server = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  /* The process after a kill takes the same port, at once. */
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(server, (struct sockaddr *)&here, sizeof here) != 0 || listen(server, 16) != 0) return 1;
  for (int at = 1; at <= GUESTS; at++) sockets[at].fd = -1;
  sockets[0] = (struct pollfd){.fd = server, .events = POLLIN};
  while (poll(sockets, 1 + GUESTS, -1) >= 0) {
    for (int at = 1; at <= GUESTS; at++)
      if (sockets[at].fd >= 0 && sockets[at].revents && !attend(sockets[at].fd, &guests[at])) {
        close(sockets[at].fd);
        sockets[at].fd = -1;
      }
    if (!(sockets[0].revents & POLLIN)) continue;
    int guest = accept(server, NULL, NULL), at = 1;
    while (at <= GUESTS && sockets[at].fd >= 0) at++;
    if (at > GUESTS) close(guest);
    else {
      sockets[at] = (struct pollfd){.fd = guest, .events = POLLIN};
      guests[at] = (struct guest){0};
    }
  }
}
