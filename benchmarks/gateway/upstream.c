/* The upstream of the benchmarks: one thread, epoll, HTTP/1.1 keep-alive, fixed answers.
 *
 *   ./upstream PORT [EVENTS [PACE_MS [WORD]]]
 *
 * A body that holds "stream":true is answered with EVENTS server-sent events (default 64) of about 193 bytes and
 * [DONE]: in one burst, or one event each PACE_MS. Any other body gets one JSON answer of about 640 bytes.
 * With WORD, only bodies that hold it are paced. Usage is told as it is asked for: "include_usage":true brings an event
 * of its own before [DONE] (OpenAI), "chunk_include_usage":true the use so far with every event (Ark).
 * The first event of a paced stream tells when it was written: "at:" and sixteen digits, microseconds of CLOCK_MONOTONIC.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 65536, BUFFER = 65536 };

struct conn {
    char *in;
    size_t used;
    const char *rest; /* what its socket would not take yet */
    size_t left;
    int streaming, next, telling;
    double due;
};

static struct conn conns[CONNECTIONS];
enum { UNTOLD, LAST, EACH, TELLINGS };
static char plain[2048], *burst[TELLINGS], *event_frames[TELLINGS][4096], stream_head[256];
static size_t plain_len, burst_len[TELLINGS], event_lens[TELLINGS][4096];
static int poll_fd;
static const char *word = "";
static int events = 64, pace_ms = 0, live[CONNECTIONS], lives = 0;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

/* Whoever reads slowly holds up nobody else: the rest waits until its socket takes more. `data` stays where it is. */
static void send_all(int fd, const char *data, size_t len) {
    struct conn *c = &conns[fd];
    int waited = c->left > 0;
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n > 0) { data += n; len -= n; }
        else if (errno == EAGAIN) break;
        else { len = 0; break; }
    }
    c->rest = data;
    c->left = len;
    if (waited != (len > 0)) {
        struct epoll_event want = {.events = len ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.fd = fd};
        epoll_ctl(poll_fd, EPOLL_CTL_MOD, fd, &want);
    }
}

#define FRAME "data: {\"id\":\"chatcmpl-0123456789\",\"object\":\"chat.completion.chunk\",\"created\":1700000000," \
              "\"model\":\"bench\",\"choices\":["
#define USAGE "\"usage\":{\"prompt_tokens\":210,\"completion_tokens\":%d,\"total_tokens\":%d}"

static int chunk(char *to, const char *data, int size) { return sprintf(to, "%x\r\n%.*s\r\n", size, size, data); }

static void prepare_stream(int telling, int head) {
    char *whole = burst[telling] = malloc(events * 400 + 4096);
    memcpy(whole, stream_head, head);
    burst_len[telling] = head;
    for (int i = 0; i < events; i++) {
        char event[512], frame[1200], so_far[128] = "";
        int finish = i == events - 1, size = 0;
        if (telling == EACH) sprintf(so_far, "," USAGE, 3 * i + 3, 3 * i + 213);
        int m = snprintf(event, sizeof event, FRAME "{\"index\":0,\"delta\":{%s},\"finish_reason\":%s}]%s}\n\n",
            finish ? "" : i || !pace_ms ? "\"content\":\" word and more\"" : "\"content\":\"at:0000000000000000 word\"",
            finish ? "\"stop\"" : "null", so_far);
        size = chunk(frame, event, m);
        if (finish && telling != UNTOLD) {
            m = snprintf(event, sizeof event, FRAME "]," USAGE "}\n\n", 3 * events, 3 * events + 210);
            size += chunk(frame + size, event, m);
        }
        if (finish) size += sprintf(frame + size, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
        event_lens[telling][i] = size;
        event_frames[telling][i] = strdup(frame);
        memcpy(whole + burst_len[telling], frame, size);
        burst_len[telling] += size;
    }
}

static void prepare(void) {
    char text[400] = "";
    for (int i = 0; i < 8; i++) strcat(text, "The quick brown fox jumps over the lazy dog. ");
    char body[1024];
    int n = snprintf(body, sizeof body,
        "{\"id\":\"chatcmpl-0123456789\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"bench\","
        "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"%s\"},\"finish_reason\":\"stop\"}],"
        "\"usage\":{\"prompt_tokens\":210,\"completion_tokens\":90,\"total_tokens\":300}}", text);
    plain_len = snprintf(plain, sizeof plain,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", n, body);
    int head = snprintf(stream_head, sizeof stream_head,
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int telling = UNTOLD; telling < TELLINGS; telling++) prepare_stream(telling, head);
}

static int asks(const char *body, size_t len, const char *word) { return memmem(body, len, word, strlen(word)) != NULL; }

static void answer(int fd, const char *body, size_t len) {
    int telling = asks(body, len, "\"chunk_include_usage\":true") ? EACH
                : asks(body, len, "\"include_usage\":true") ? LAST : UNTOLD;
    if (!asks(body, len, "\"stream\":true") && !asks(body, len, "\"stream\": true")) {
        send_all(fd, plain, plain_len);
    } else if (!pace_ms || !asks(body, len, word)) {
        send_all(fd, burst[telling], burst_len[telling]);
    } else {
        send_all(fd, stream_head, strlen(stream_head));
        conns[fd].streaming = 1;
        conns[fd].next = 0;
        conns[fd].telling = telling;
        conns[fd].due = now() + pace_ms * 1e-3;
        live[lives++] = fd;
    }
}

static void drop(int fd) {
    for (int i = 0; i < lives; i++) if (live[i] == fd) { live[i] = live[--lives]; break; }
    conns[fd].streaming = 0;
    conns[fd].used = conns[fd].left = 0;
    close(fd);
}

static void consume(int fd) {
    struct conn *c = &conns[fd];
    for (;;) {
        ssize_t n = read(fd, c->in + c->used, BUFFER - c->used);
        if (n == 0 || (n < 0 && errno != EAGAIN)) { drop(fd); return; }
        if (n < 0) break;
        c->used += n;
        if (c->used == BUFFER) break;
    }
    for (;;) {
        char *end = memmem(c->in, c->used, "\r\n\r\n", 4);
        if (!end) return;
        size_t head = end - c->in + 4, body = 0;
        for (char *p = c->in; p < end; p++)
            if ((*p == 'C' || *p == 'c') && !strncasecmp(p, "content-length:", 15)) { body = atoi(p + 15); break; }
        if (c->used < head + body) return;
        answer(fd, c->in + head, body);
        memmove(c->in, c->in + head + body, c->used - head - body);
        c->used -= head + body;
    }
}

static void pace(void) {
    double t = now();
    for (int i = 0; i < lives; i++) {
        int fd = live[i];
        struct conn *c = &conns[fd];
        if (c->due > t || c->left) continue;
        char *at = c->next ? NULL : strstr(event_frames[c->telling][0], "at:");
        if (at) {
            char digits[17];
            snprintf(digits, sizeof digits, "%016llu", (unsigned long long)(now() * 1e6));
            memcpy(at + 3, digits, 16);
        }
        send_all(fd, event_frames[c->telling][c->next], event_lens[c->telling][c->next]);
        c->due += pace_ms * 1e-3;
        if (++c->next == events) {
            c->streaming = 0;
            live[i--] = live[--lives];
        }
    }
}

int main(int argc, char **argv) {
    if (argc > 2) events = atoi(argv[2]);
    if (argc > 3) pace_ms = atoi(argv[3]);
    if (argc > 4) word = argv[4];
    prepare();
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 4096)) { perror("upstream"); return 1; }
    poll_fd = epoll_create1(0);
    struct epoll_event add = {.events = EPOLLIN, .data.fd = listener}, ready[256];
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &add);
    for (;;) {
        int n = epoll_wait(poll_fd, ready, 256, lives ? 1 : -1);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            if (fd != listener) {
                if (conns[fd].left && ready[i].events & EPOLLOUT) send_all(fd, conns[fd].rest, conns[fd].left);
                if (ready[i].events & ~EPOLLOUT) consume(fd);
                continue;
            }
            int caller = accept4(listener, 0, 0, SOCK_NONBLOCK);
            if (caller < 0 || caller >= CONNECTIONS) continue;
            setsockopt(caller, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            if (!conns[caller].in) conns[caller].in = malloc(BUFFER);
            conns[caller].used = conns[caller].left = 0;
            add.data.fd = caller;
            epoll_ctl(poll_fd, EPOLL_CTL_ADD, caller, &add);
        }
        if (lives) pace();
    }
}
