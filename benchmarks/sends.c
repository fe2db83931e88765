/* The least that sending costs: accepts N streams, and sends each a token RATE times a second, evenly spread, in slots of a
   millisecond as the simulator does. Nothing else is done.
   usage: sends STREAMS RATE SECONDS  ->  the port, then one JSON line */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }

static double cpu(void) {
  struct rusage u; getrusage(RUSAGE_SELF, &u);
  return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  struct rlimit limit; getrlimit(RLIMIT_NOFILE, &limit); limit.rlim_cur = limit.rlim_max; setrlimit(RLIMIT_NOFILE, &limit);
  int n = atoi(argv[1]), one = 1, listener = socket(AF_INET, SOCK_STREAM, 0), *fds = malloc(n * sizeof *fds);
  double rate = atof(argv[2]) * n, seconds = atof(argv[3]);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}; socklen_t size = sizeof at;
  if (bind(listener, (void *)&at, size) || listen(listener, 8192) || getsockname(listener, (void *)&at, &size)) return 1;
  printf("%d\n", ntohs(at.sin_port)); fflush(stdout);
  for (int i = 0; i < n; i++) {
    if ((fds[i] = accept(listener, 0, 0)) < 0) return 1;
    setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
  char token[110]; memset(token, 'x', sizeof token);
  static long late[100001]; /* by hundredths of a millisecond */
  long sent = 0, above = 0; double before = cpu(), start = now(), time;
  while ((time = now()) < start + seconds) {
    long due = (long)((long)((time - start) * 1e3) * 1e-3 * rate); /* those of the slots that are over */
    for (; sent < due; sent++) {
      send(fds[sent % n], token, sizeof token, MSG_DONTWAIT);
      double ms = (now() - start - sent / rate) * 1e5; late[ms < 0 ? 0 : ms > 100000 ? 100000 : (int)ms]++;
    }
    double wait = (long)((now() - start) * 1e3 + 1) * 1e-3 + start - now();
    if (wait > 0) { struct timespec t = {0, wait * 1e9}; nanosleep(&t, 0); }
  }
  double us = (cpu() - before) * 1e6 / sent; int at_p99 = 100000;
  while (at_p99 > 0 && (above += late[at_p99]) <= sent / 100) at_p99--;
  printf("{\"sends\":%ld,\"cpu_us\":%.3f,\"late_p99_ms\":%.2f}\n", sent, us, at_p99 / 100.0);
  return 0;
}
