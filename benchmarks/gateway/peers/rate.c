/* Requests on a schedule: an open loop that counts from when each was due, so that no delay hides.
 *
 *   ./rate PORT RATE SECONDS CONNECTIONS FILE
 *
 * FILE holds one whole HTTP/1.1 request. Each answer is read to its end (Content-Length, chunks, or the close of its
 * connection); a stream is good when it holds [DONE]. "at:" and sixteen digits in a stream are microseconds of
 * CLOCK_MONOTONIC at which upstream.c wrote that event: `first_*` is the time from there to its arrival here.
 * Prints one JSON document; times are microseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 1 << 18, GRACE_S = 10 };

struct conn {
    int fd, busy, marked;
    size_t used;
    double due;
    char *in;
};

static struct conn *conns;
static int count, epoll;
static char *raw;
static size_t raw_len;
static struct sockaddr_in place;
static double *latencies, *firsts;
static long good, bad, marks;
static char status[4] = ""; /* of the last bad answer */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void dial(struct conn *c) {
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->fd, (struct sockaddr *)&place, sizeof place)) { perror("connect"); exit(1); }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event add = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &add);
    c->busy = 0;
}

static void ask(struct conn *c, double due) {
    c->busy = 1;
    c->marked = 0;
    c->used = 0;
    c->due = due;
    if (write(c->fd, raw, raw_len) != (ssize_t)raw_len) { perror("write"); exit(1); }
}

/* 1: the answer is whole. `closed`: nothing more will come. */
static int is_whole(struct conn *c, int closed) {
    char *end = memmem(c->in, c->used, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t head = end + 4 - c->in;
    *end = 0;
    char *length = strcasestr(c->in, "\r\ncontent-length:"), *coding = strcasestr(c->in, "\r\ntransfer-encoding:");
    *end = '\r';
    if (coding) return c->used >= head + 5 && !memcmp(c->in + c->used - 5, "0\r\n\r\n", 5);
    if (length) return c->used - head >= strtoul(length + 17, NULL, 10);
    return closed;
}

static void finish(struct conn *c, double at, int whole) {
    int streamed = memmem(raw, raw_len, "\"stream\":true", 13) != NULL;
    int ok = whole && !memcmp(c->in + 9, "200", 3) && (!streamed || memmem(c->in, c->used, "[DONE]", 6));
    if (ok) latencies[good++] = at - c->due;
    else {
        bad++;
        if (c->used > 12) memcpy(status, c->in + 9, 3);
    }
    c->busy = 0;
}

static void take(struct conn *c) {
    for (;;) {
        ssize_t n = read(c->fd, c->in + c->used, BUFFER - c->used);
        if (n < 0 && errno == EAGAIN) break;
        double at = now();
        if (n <= 0) {
            if (c->busy) finish(c, at, is_whole(c, 1));
            close(c->fd);
            dial(c);
            return;
        }
        size_t from = c->used > 32 ? c->used - 32 : 0;
        c->used += n;
        char *mark = c->marked ? NULL : memmem(c->in + from, c->used - from, "at:", 3);
        if (mark && mark + 19 <= c->in + c->used && strspn(mark + 3, "0123456789") >= 16) {
            char digits[17] = {0};
            memcpy(digits, mark + 3, 16);
            firsts[marks++] = at - strtod(digits, NULL) * 1e-6;
            c->marked = 1;
        }
        if (c->busy && is_whole(c, 0)) { finish(c, at, 1); return; }
        if (c->used == BUFFER) { bad++; close(c->fd); dial(c); return; }
    }
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(double *values, long n, double share) {
    if (!n) return 0;
    long at = n * share;
    return values[at < n ? at : n - 1] * 1e6;
}

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    double rate = atof(argv[2]), seconds = atof(argv[3]);
    long all = rate * seconds, next = 0;
    count = atoi(argv[4]);
    int file = open(argv[5], O_RDONLY);
    struct stat about;
    if (file < 0 || fstat(file, &about)) { perror(argv[5]); return 1; }
    raw = malloc(about.st_size);
    raw_len = read(file, raw, about.st_size);
    place = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    prctl(PR_SET_TIMERSLACK, 1);
    epoll = epoll_create1(0);
    conns = calloc(count, sizeof *conns);
    latencies = calloc(all + 1, sizeof *latencies);
    firsts = calloc(all + 1, sizeof *firsts);
    for (int i = 0; i < count; i++) { conns[i].in = malloc(BUFFER + 1); dial(&conns[i]); }
    double begun = now(), end = begun + seconds + GRACE_S;
    struct epoll_event ready[256];
    while (good + bad < all && now() < end) {
        double due = begun + next / rate;
        for (int i = 0; i < count && next < all && now() >= due; i++) {
            if (conns[i].busy) continue;
            ask(&conns[i], due);
            due = begun + ++next / rate;
        }
        double wait = next < all ? due - now() : 0.1;
        if (wait <= 0) wait = 0.0002; /* every connection is busy: an answer has to come first */
        struct timespec pause = {(time_t)wait, (long)((wait - (time_t)wait) * 1e9)};
        struct pollfd look = {.fd = epoll, .events = POLLIN};
        ppoll(&look, 1, &pause, NULL);
        int n = epoll_wait(epoll, ready, 256, 0);
        for (int i = 0; i < n; i++) take(ready[i].data.ptr);
    }
    qsort(latencies, good, sizeof *latencies, by_size);
    qsort(firsts, marks, sizeof *firsts, by_size);
    printf("{\"due\":%ld,\"good\":%ld,\"bad\":%ld,\"status\":\"%s\",\"seconds\":%.3f,\"p50\":%.0f,\"p99\":%.0f,\"firsts\":%ld,\"first_p50\":%.0f,\"first_p99\":%.0f}\n",
        all, good, bad, status, now() - begun, quantile(latencies, good, .5), quantile(latencies, good, .99), marks,
        quantile(firsts, marks, .5), quantile(firsts, marks, .99));
    return 0;
}
