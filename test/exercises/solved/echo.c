/* The exercise echo, solved in C. */

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(void) {
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(atoi(getenv("PORT")))};
  inet_pton(AF_INET, getenv("HOST"), &here.sin_addr);
  int server = socket(AF_INET, SOCK_DGRAM, 0);
  if (bind(server, (struct sockaddr *)&here, sizeof here) != 0) return 1;
  for (;;) {
    static char payload[65536];
    struct sockaddr_in sender;
    socklen_t length = sizeof sender;
    ssize_t size = recvfrom(server, payload, sizeof payload, 0, (struct sockaddr *)&sender, &length);
    if (size >= 0) sendto(server, payload, size, 0, (struct sockaddr *)&sender, length);
  }
}
