/* A USBTMC device that says and does anything, at any time: no crash, no read beyond, each write is answered once, each answer
 * is one to a question, and nothing is heard behind the end. An input is a list of what happens, byte by byte. */
#include <errno.h>

#include "rig/link/link.h"
#include "rig/link/usbtmc_wire.h"
#include "tests/fuzz/standalone.h"

#define REPLY_MOST 65537 /* what a link hands on at once */
#define WRITES_MAX 16

static uint64_t now_ns;

static uint64_t jump_now(void *ctx)
{
	(void)ctx;
	return now_ns;
}

static int jump_wait(void *ctx, struct pollfd *fds, unsigned nfds, uint64_t deadline_ns)
{
	(void)ctx, (void)fds, (void)nfds;
	if (deadline_ns > now_ns)
		now_ns = deadline_ns;
	return 0;
}

static const struct loop_clock jump = {.now_ns = jump_now, .wall_ns = jump_now, .wait = jump_wait};

/* ---- the wire below, and who listens above ------------------------------------------------------------------------- */

static struct {
	struct link link;
	struct link_sink sink;
	bool open;
	uint8_t sent[USBTMC_HEADER]; /* how the last write begins */
	struct {
		link_done_fn done;
		void *ctx;
	} write[WRITES_MAX]; /* in their order, as a link queues them */
	unsigned writes;
	link_control_fn control_done;
	void *control_ctx;
} wire;

static struct {
	unsigned written, answered, gone;
	bool closed;
} heard;

static void answer_write(int status)
{
	link_done_fn done = wire.write[0].done;
	void *ctx = wire.write[0].ctx;

	if (!wire.writes)
		return;
	memmove(wire.write, wire.write + 1, --wire.writes * sizeof(wire.write[0]));
	done(ctx, status);
}

static void wire_close(struct link *link)
{
	link_control_fn control_done = wire.control_done;

	FUZZ_CHECK(link == &wire.link && wire.open);
	wire.open = false;
	wire.control_done = NULL;
	while (wire.writes)
		answer_write(-ECANCELED);
	if (control_done)
		control_done(wire.control_ctx, -ECANCELED, NULL, 0);
}

static int wire_write(struct link *link, const uint8_t *data, size_t len, uint64_t deadline_ns, link_done_fn done,
		      void *ctx)
{
	(void)link, (void)deadline_ns;
	FUZZ_CHECK(wire.open && len >= USBTMC_HEADER && len % 4 == 0);
	if (wire.writes == WRITES_MAX)
		return -ENOBUFS;
	memcpy(wire.sent, data, USBTMC_HEADER);
	FUZZ_CHECK(wire.sent[1] && (wire.sent[1] ^ wire.sent[2]) == 0xff);
	wire.write[wire.writes].done = done;
	wire.write[wire.writes++].ctx = ctx;
	return 0;
}

static int wire_control(struct link *link, const struct link_setup *setup, const uint8_t *data, uint64_t deadline_ns,
			link_control_fn done, void *ctx)
{
	(void)link, (void)data, (void)deadline_ns;
	FUZZ_CHECK(wire.open && !wire.control_done && setup->length <= 8);
	wire.control_done = done;
	wire.control_ctx = ctx;
	return 0;
}

static void wire_identity(const struct link *link, struct link_identity *ret)
{
	(void)link;
	*ret = (struct link_identity){.usb_interface = 3, .usb_ep_in = 0x81, .usb_ep_out = 0x02};
}

static int wire_open(struct loop *loop, const char *uri, const struct link_wants *wants, const struct link_sink *sink,
		     struct link **ret, struct err *err);

static const struct link_ops wire_ops = {
	.name = "wire",
	.scheme = "usb",
	.open = wire_open,
	.close = wire_close,
	.write = wire_write,
	.control = wire_control,
	.identity = wire_identity,
};
static const struct link_ops *const table[] = {&wire_ops, NULL};

static int wire_open(struct loop *loop, const char *uri, const struct link_wants *wants, const struct link_sink *sink,
		     struct link **ret, struct err *err)
{
	(void)loop, (void)uri, (void)wants, (void)err;
	memset(&wire, 0, sizeof(wire));
	wire.link.ops = &wire_ops;
	wire.sink = *sink;
	wire.open = true;
	*ret = &wire.link;
	return 0;
}

static void on_bytes(void *ctx, const uint8_t *data, size_t len, bool end, uint64_t host_ns)
{
	(void)ctx, (void)host_ns;
	FUZZ_CHECK(!heard.closed && !heard.gone && end && data && len > 0 && len <= REPLY_MOST);
	FUZZ_CHECK(data[len - 1] == '\n'); /* whole lines */
}

static void on_gone(void *ctx, const struct err *why)
{
	(void)ctx;
	FUZZ_CHECK(!heard.closed && why->text[0] && ++heard.gone == 1);
}

static void on_written(void *ctx, int status)
{
	(void)ctx;
	FUZZ_CHECK(status <= 0 && ++heard.answered <= heard.written);
}

/* ---- what happens -------------------------------------------------------------------------------------------------- */

static void answer_control(int status, const uint8_t *data, size_t len)
{
	link_control_fn done = wire.control_done;
	uint8_t copy[8] = {0};

	memcpy(copy, data, len < sizeof(copy) ? len : sizeof(copy));
	wire.control_done = NULL;
	if (done)
		done(wire.control_ctx, status, copy, len < sizeof(copy) ? len : sizeof(copy));
}

/* An answer with the header that is due, but for what the input says: its size and flags. */
static void reply(const uint8_t *data, size_t len, uint8_t how)
{
	uint8_t bytes[USBTMC_HEADER + 256] = {2, wire.sent[1], (uint8_t)~wire.sent[1], 0, (uint8_t)len, 0, 0, 0, 1};

	bytes[how % USBTMC_HEADER] ^= how & 0x80 ? (uint8_t)(how >> 4) : 0;
	memcpy(bytes + USBTMC_HEADER, data, len);
	wire.sink.bytes(wire.sink.ctx, bytes, USBTMC_HEADER + len, how & 0x40, now_ns);
}

static void happen(struct link *tmc, struct loop *loop, uint8_t what, uint8_t how, const uint8_t *data, size_t len)
{
	static const int statuses[] = {0, -EPIPE, -ETIMEDOUT, -EIO, -ENODEV, -ECANCELED};
	static const uint8_t question[] = "OUTP?;:SYST:TAG? 1\n";

	switch (what % 8) {
	case 0:
	case 1:
		heard.written++;
		if (tmc->ops->write(tmc, question, how % sizeof(question) + 1, now_ns + how * NS_PER_MS, on_written,
				    NULL))
			heard.written--;
		break;
	case 2: answer_write(statuses[how % 6]); break;
	case 3: answer_control(statuses[how % 6], data, len); break;
	case 4: (void)loop_turn(loop, now_ns + how * NS_PER_MS); break;
	case 5: wire.sink.bytes(wire.sink.ctx, data, len, how & 1, now_ns); break;
	case 6: reply(data, len, how); break;
	default: answer_write(0); answer_control(0, (const uint8_t[]){USBTMC_STATUS_SUCCESS}, 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct link_opening opening = {
		.table = table,
		.uri = "usb:port=1-1",
		.wants = {.usb_class = 0xfe, .usb_subclass = 3, .usb_protocol = -1, .usbtmc = true},
		.sink = {.bytes = on_bytes, .gone = on_gone},
	};
	struct err err = {""};
	struct link *tmc;

	now_ns = 1000;
	memset(&heard, 0, sizeof(heard));
	FUZZ_CHECK(!loop_new(&jump, NULL, &opening.loop, &err) && !link_open(&opening, &tmc, &err));
	while (size >= 3 && !heard.gone) {
		size_t len = data[2] < size - 3 ? data[2] : size - 3;
		if (data[0] == 0xff) { /* pulled out: nothing comes any more */
			wire.sink.gone(wire.sink.ctx, err_set(&err, -ENODEV, "pulled") ? &err : NULL);
			break;
		}
		happen(tmc, opening.loop, data[0], data[1], data + 3, len);
		data += 3 + len;
		size -= 3 + len;
	}
	link_close(tmc);
	heard.closed = true;
	FUZZ_CHECK(!wire.open && heard.answered == heard.written);
	loop_free(opening.loop);
	return 0;
}

#ifndef PENRIG_LIBFUZZER
int main(int argc, char **argv)
{
	uint64_t state = 1;

	for (int i = 1; i < argc; i++)
		fuzz_file(argv[i]);
	for (unsigned run = 0; argc == 1 && run < 4000; run++) {
		uint8_t data[400];
		size_t len = 0;
		while (len + 24 < sizeof(data) && fuzz_random(&state) % 40) {
			size_t n = fuzz_random(&state) % 20;
			data[len++] = (uint8_t)(fuzz_random(&state) % 60 ? fuzz_random(&state) % 8 : 0xff);
			data[len++] = (uint8_t)fuzz_random(&state);
			data[len++] = (uint8_t)n;
			while (n--)
				data[len++] = (uint8_t)fuzz_random(&state);
		}
		fuzz_run(data, len);
	}
	return 0;
}
#endif
