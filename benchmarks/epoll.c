/* The least that any client can cost: opens N streams, reads, counts newlines. One epoll loop, no times kept.
   Usage: epoll PORT STREAMS MODEL PROMPT; prints "tokens cpu_us" of the time after the last connect. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static double cpu_us(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  int streams = atoi(argv[2]), epoll = epoll_create1(0), open = streams;
  char body[512], request[1024], data[65536];
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  snprintf(body, sizeof body, "{\"model\":\"%s\",\"prompt\":\"%s\",\"stream\":true}", argv[3], argv[4]);
  int length = snprintf(request, sizeof request,
                        "POST /api/generate HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                        strlen(body), body);
  for (int i = 0; i < streams; i++) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) || write(fd, request, length) != length) return 1;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    usleep(1000000 / streams);
  }
  double before = cpu_us();
  long tokens = 0;
  struct epoll_event events[256];
  while (open) {
    int ready = epoll_wait(epoll, events, 256, 30000);
    if (ready <= 0) return 1;
    for (int i = 0; i < ready; i++) {
      ssize_t size = read(events[i].data.fd, data, sizeof data);
      if (size <= 0) { close(events[i].data.fd); open--; continue; }
      for (char *at = data; (at = memmem(at, data + size - at, "}\n", 2)); at++) tokens++;
    }
  }
  printf("%ld %.0f\n", tokens, cpu_us() - before);
}
