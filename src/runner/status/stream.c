#include "runner/status/stream.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdint.h>
#include <string.h>

#define BLOCK_BYTES 4096
#define MAX_FRAMES  6    /* in memory at a time */
#define PATIENCE_MS 5000 /* with a client that reads an old frame, once there are MAX_FRAMES */
#define BEFORE      "data: "
#define AFTER       "\n\n"
#define BEAT        ":" AFTER

/* An encoded event, shared by its readers. */
struct frame {
    unsigned refs;
    int64_t made_ms;
    unsigned *frames; /* number of frames in memory */
    size_t len;
    char data[];
};

struct client {
    struct client *next;
    struct stream *stream;
    struct MHD_Connection *connection;
    struct frame *frame; /* being sent; NULL: none */
    size_t offset;
    bool is_text;     /* reads one text, then ends */
    bool is_late;     /* was too slow: its frame was freed */
    uint64_t version; /* of the last frame sent to it */
    uint64_t beats;   /* of the stream, sent to it */
    bool waits;       /* is suspended */
};

struct stream {
    struct client *clients;
    size_t len, max; /* of clients that stay connected */
    struct frame *newest;
    struct frame *beat;
    uint64_t version; /* of the newest frame; 0: none */
    uint64_t beats;
    unsigned frames;
    bool closed;
};

/* ---- frames ---- */

static struct frame *frame_new(unsigned *frames, const char *parts[3], const size_t lens[3])
{
    size_t len = lens[0] + lens[1] + lens[2];
    struct frame *f = mem_alloc(sizeof(*f) + len + 1);
    *f = (struct frame){.refs = 1, .made_ms = clock_now_ms(), .frames = frames, .len = len};
    char *to = f->data;
    for (size_t i = 0; i < 3; i++) {
        memcpy(to, parts[i], lens[i]);
        to += lens[i];
    }
    ++*frames;
    return f;
}

static struct frame *frame_ref(struct frame *f)
{
    f->refs++;
    return f;
}

static void frame_unref(struct frame *f)
{
    if (!f || --f->refs)
        return;
    --*f->frames;
    free(f);
}

/* ---- the stream ---- */

struct stream *stream_new(size_t max_clients)
{
    struct stream *s = mem_alloc(sizeof(*s));
    *s = (struct stream){.max = max_clients};
    s->beat = frame_new(&s->frames, (const char *[]){BEAT, "", ""}, (size_t[]){strlen(BEAT), 0, 0});
    return s;
}

void stream_free(struct stream *s)
{
    if (!s)
        return;
    frame_unref(s->newest);
    frame_unref(s->beat);
    free(s);
}

size_t stream_clients(const struct stream *s)
{
    return s->len;
}

static void wake_all(struct stream *s)
{
    for (struct client *c = s->clients; c; c = c->next) {
        if (c->waits)
            MHD_resume_connection(c->connection);
        c->waits = false;
    }
}

/* Returns the oldest frame that is still being sent; NULL: none. */
static struct frame *oldest_frame(const struct stream *s)
{
    struct frame *oldest = NULL;
    for (struct client *c = s->clients; c; c = c->next)
        if (c->frame && c->frame != s->beat && (!oldest || c->frame->made_ms < oldest->made_ms))
            oldest = c->frame;
    return oldest;
}

/* Slow clients must not delay the others: disconnects the slowest ones, which may reconnect. */
static void let_go_of_old(struct stream *s)
{
    struct frame *oldest = oldest_frame(s);
    if (!oldest || clock_now_ms() - oldest->made_ms < PATIENCE_MS)
        return;
    for (struct client *c = s->clients; c; c = c->next) {
        if (c->frame != oldest)
            continue;
        c->frame = NULL;
        c->is_late = true;
        frame_unref(oldest); // NOLINT: each client has a reference of its own
    }
}

bool stream_publish(struct stream *s, const char *json, size_t len)
{
    if (s->frames > MAX_FRAMES) /* includes the beat */
        let_go_of_old(s);
    if (s->frames > MAX_FRAMES)
        return false;
    frame_unref(s->newest);
    s->newest = frame_new(&s->frames, (const char *[]){BEFORE, json, AFTER},
                          (size_t[]){strlen(BEFORE), len, strlen(AFTER)});
    s->version++;
    wake_all(s);
    return true;
}

void stream_beat(struct stream *s)
{
    s->beats++;
    wake_all(s);
}

void stream_close(struct stream *s)
{
    s->closed = true;
    wake_all(s);
}

/* ---- clients ---- */

static struct frame *next_frame(struct client *c)
{
    struct stream *s = c->stream;
    bool is_news = c->version != s->version;
    bool is_beat = c->beats != s->beats;
    c->version = s->version;
    c->beats = s->beats;
    return is_news ? frame_ref(s->newest) : is_beat ? frame_ref(s->beat) : NULL;
}

/* Of type MHD_ContentReaderCallback. */
static ssize_t read_client(void *cls, uint64_t pos, char *buf, size_t max)
{
    struct client *c = cls;
    if (c->stream->closed)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (c->is_late)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (c->frame && c->offset == c->frame->len) {
        frame_unref(c->frame);
        c->frame = NULL;
    }
    if (!c->frame) {
        c->frame = next_frame(c);
        c->offset = 0;
    }
    if (!c->frame) {
        c->waits = true;
        MHD_suspend_connection(c->connection);
        return 0;
    }
    size_t len = MIN(max, c->frame->len - c->offset);
    memcpy(buf, c->frame->data + c->offset, len);
    c->offset += len;
    return (ssize_t)len;
}

static void client_free(void *cls)
{
    struct client *c = cls;
    struct client **link = &c->stream->clients;
    while (*link != c)
        link = &(*link)->next;
    *link = c->next;
    c->stream->len -= !c->is_text;
    frame_unref(c->frame);
    free(c);
}

/* Takes ownership of the client. Returns NULL if out of memory. */
static struct MHD_Response *add(struct client *c, uint64_t len, MHD_ContentReaderCallback read)
{
    struct stream *s = c->stream;
    struct MHD_Response *response = MHD_create_response_from_callback(len, BLOCK_BYTES, read, c, client_free);
    if (!response) {
        frame_unref(c->frame);
        free(c);
        return NULL;
    }
    c->next = s->clients;
    s->clients = c;
    s->len += !c->is_text;
    return response;
}

struct MHD_Response *stream_open(struct stream *s, struct MHD_Connection *connection)
{
    if (s->len >= s->max || s->closed)
        return NULL;
    struct client *c = mem_alloc(sizeof(*c));
    *c = (struct client){.stream = s, .connection = connection, .beats = s->beats};
    return add(c, MHD_SIZE_UNKNOWN, read_client);
}

/* ---- a single text ---- */

static size_t text_len(const struct frame *f)
{
    return f->len - strlen(BEFORE) - strlen(AFTER);
}

const char *stream_text(const struct stream *s)
{
    return s->newest ? s->newest->data + strlen(BEFORE) : NULL;
}

/* Of type MHD_ContentReaderCallback. */
static ssize_t read_text(void *cls, uint64_t pos, char *buf, size_t max)
{
    const struct client *c = cls;
    if (c->is_late)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t len = MIN(max, text_len(c->frame) - (size_t)pos);
    memcpy(buf, c->frame->data + strlen(BEFORE) + pos, len);
    return (ssize_t)len;
}

struct MHD_Response *stream_newest(struct stream *s)
{
    if (!s->newest)
        return NULL;
    struct client *c = mem_alloc(sizeof(*c));
    *c = (struct client){.stream = s, .frame = frame_ref(s->newest), .is_text = true};
    return add(c, text_len(s->newest), read_text);
}
