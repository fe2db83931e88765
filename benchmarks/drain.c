/* Opens N streams against an Ollama server, reads them with epoll, and sends the next request on each that ends, or on a
   new connection where FRESH is 1; until the time is over, or TOTAL streams have ended.
   usage: drain HOST PORT STREAMS SECONDS RAMP_SECONDS TOKENS [TOTAL FRESH]  ->  one JSON line */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }

static struct sockaddr_in to = {.sin_family = AF_INET};
static char request[400];
static int size, epoll;
static long errors;

static void begin(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  if (fd < 0 || connect(fd, (void *)&to, sizeof to)) { errors++; if (fd >= 0) close(fd); return; }
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct epoll_event e = {.events = EPOLLIN, .data.fd = fd}; epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
  if (send(fd, request, size, 0) != size) errors++;
}

int main(int argc, char **argv) {
  if (argc != 7 && argc != 9) return 2;
  struct rlimit limit; getrlimit(RLIMIT_NOFILE, &limit); limit.rlim_cur = limit.rlim_max; setrlimit(RLIMIT_NOFILE, &limit);
  to.sin_port = htons(atoi(argv[2])); inet_pton(AF_INET, argv[1], &to.sin_addr);
  int n = atoi(argv[3]), opened = 0, fresh = argc == 9 && atoi(argv[8]); epoll = epoll_create1(0);
  long total = argc == 9 ? atol(argv[7]) : -1;
  double seconds = atof(argv[4]), ramp = atof(argv[5]), start = now();
  char body[200];
  sprintf(body, "{\"model\":\"m\",\"prompt\":\"Why?\",\"options\":{\"num_predict\":%d}}", atoi(argv[6]));
  size = sprintf(request, "POST /api/generate HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
  long bytes = 0, reads = 0, ended = 0;
  static char buffer[1 << 16]; static struct epoll_event events[512];
  while (now() < start + seconds && ended != total) {
    while (opened < n && (ramp <= 0 || now() >= start + ramp * opened / n)) { begin(); opened++; }
    int ready = epoll_wait(epoll, events, 512, opened < n ? 1 : 10);
    for (int i = 0; i < ready; i++) {
      int fd = events[i].data.fd; long got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
      if (got <= 0) { if (got < 0 && errno == EAGAIN) continue; errors++; close(fd); continue; }
      bytes += got; reads++;
      if (reads == 1 && memcmp(buffer, "HTTP/1.1 200", 12)) errors++;
      /* The closing chunk is a send of its own, so its end is the end of a read. */
      if (got < 5 || memcmp(buffer + got - 5, "0\r\n\r\n", 5)) continue;
      if (++ended == total) break;
      if (fresh) { close(fd); begin(); }
      else if (send(fd, request, size, 0) != size) errors++;
    }
  }
  struct rusage u; getrusage(RUSAGE_SELF, &u);
  printf("{\"opened\":%d,\"ended\":%ld,\"errors\":%ld,\"reads\":%ld,\"bytes\":%ld,\"cpu_s\":%.3f}\n", opened, ended, errors, reads, bytes,
    u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
  return 0;
}
