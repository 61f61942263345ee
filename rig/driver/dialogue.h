/* The conversation of a driver with its device: one request under way at a time, asked once more when no answer comes,
 * and then the device is silent; verbs that wait in a bounded queue, which a stop jumps; done functions that run from
 * the loop and never from inside a verb. It opens and owns the link.
 *
 * It knows no protocol: the driver makes a request's bytes and reads the answers, be they lines of text or binary frames,
 * and may receive what nobody asked for (samples, events) besides. Requests and answers are matched by the driver, with
 * a tag or a sequence number where the protocol has one.
 *
 * The course of things: dialogue_open(); the driver asks what it must know, one dialogue_ask() after the other;
 * dialogue_ready(); from then on verbs: dialogue_submit(), dialogue_stop(). host->ready and host->lost are called here
 * and nowhere else. Nothing here reads a clock or prints, nor blocks but for closing. */
#ifndef PENRIG_DRIVER_DIALOGUE_H
#define PENRIG_DRIVER_DIALOGUE_H

#include <stddef.h>
#include <stdint.h>

#include "rig/driver/driver.h"

#define DIALOGUE_MESSAGE_MAX 512 /* bytes of a request; the longest there is, a line of text, has 257 */
#define DIALOGUE_WAITING_MAX 32  /* the run keeps fewer than ten waiting, and a stop empties the queue */
#define DIALOGUE_LATE_NS     (2 * DRIVER_TICK_NS) /* between two ticks: what is more, the host itself did not run */
#define DIALOGUE_HELD_UP_NS  (50 * NS_PER_MS)     /* so missed in one wait: its end says nothing of the device */
#define DIALOGUE_EXCUSED_MAX 5                    /* how often a request is asked again for that */
#define DIALOGUE_ASKED_MAX   2                    /* how often a request is asked before an odd answer is final */

struct dialogue;

struct dialogue_request {
	int what;            /* the driver's: which line, which frame */
	double value;        /* the driver's: what it sets or asks for, in its own unit */
	device_done_fn done; /* NULL: nobody wants to know */
	void *ctx;
};

/* How long a device takes, where it is not DRIVER_REPLY_NS without a rest. */
struct dialogue_pace {
	uint64_t reply_ns; /* from asking until an answer is overdue */
	/* Behind silence or an odd answer, before it is asked again: nothing is awaited meanwhile, so that an answer which
	 * comes late is not taken for that to the next question. 0: asked again at once. */
	uint64_t rest_ns;
	uint64_t between_ns; /* from one request to the next, at least; a stop waits for it too */
	bool forgiven; /* silence ends this request alone, -ETIMEDOUT: whoever asked sees to it that an answer which comes
			  yet is not taken for another's */
};

/* What a driver brings. One constant for all its devices. */
struct dialogue_ops {
	const struct driver *driver;
	const char *name;     /* in sentences: "load sensor" */
	unsigned waiting_max; /* requests that may wait, 1 to DIALOGUE_WAITING_MAX; more are refused with -ENOBUFS */

	/* Optional only where there is `control`. Writes the bytes of a request and returns how many, 1 to `size` (DIALOGUE_MESSAGE_MAX). asked: how often this
	 * request was asked before, 0 for a new one; asking again may keep its number or take a new one. Called from
	 * inside verbs: no callback may come of it. */
	size_t (*encode)(void *device, const struct dialogue_request *request, unsigned asked, uint8_t *buffer,
			 size_t size);

	/* Of a USB device that is asked by control requests, in encode's place: the request, and to `data` (DIALOGUE_MESSAGE_MAX)
	 * what it sets, ret->length bytes. As encode. Its answer is `replied`: status 0 and what it read, or -EPIPE: the device
	 * refuses it. One that was given up is answered to nobody. */
	void (*control)(void *device, const struct dialogue_request *request, unsigned asked, struct link_setup *ret,
			uint8_t *data);
	void (*replied)(void *device, int status, const uint8_t *data, size_t len);

	/* What the driver wants of its link beyond its constant, for this device as it is set up. Optional. */
	void (*wants)(const void *device, struct link_wants *wants);

	/* Bytes came. Called from the loop, never after the device was lost; when the driver itself loses it on the
	 * way, it drops the rest. */
	void (*bytes)(void *device, const uint8_t *data, size_t len, uint64_t host_ns);

	/* What goes ahead of a request, as a message of its own that asks nothing. Optional; 0 bytes: nothing. As encode. */
	size_t (*ahead)(void *device, const struct dialogue_request *request, uint8_t *buffer, size_t size);

	/* The dialogue is lost, and the link may still carry what is said by dialogue_tell(). Optional. Called once, before
	 * anybody hears of it; no callback may come of it. */
	void (*lost)(void *device);

	/* Whether a request switches something on. Behind a standstill of device_open.stood_ns it leaves no more, and is not asked
	 * again: it is done with -ECANCELED. Optional: NULL where nothing does. */
	bool (*switches_on)(const struct dialogue_request *request);

	/* There was such a standstill; from the loop, before anything is read or written behind it, perhaps more than once. No
	 * callback may come of it. Optional. */
	void (*stood)(void *device);

	/* The pace of a request. Optional: NULL where requests and answers are matched by a tag or a number, and
	 * DRIVER_REPLY_NS is enough. */
	void (*pace)(const void *device, const struct dialogue_request *request, struct dialogue_pace *ret);
};

enum dialogue_state {
	DIALOGUE_OPENING, /* verbs wait until it is ready */
	DIALOGUE_READY,
	DIALOGUE_LOST, /* gone, silent or closed: verbs are done with -ENODEV */
};

/* Opens the link that `open` names, with the driver's wants. ops and the loop must live until dialogue_close(); `device`
 * is what ops get. Nothing is asked yet.
 * 0 and *ret, -ENOMEM, or an error of link_open(). */
int dialogue_open(const struct dialogue_ops *ops, void *device, const struct device_open *open, uint64_t now_ns,
		  struct dialogue **ret, struct err *err);

/* Every done that is due runs with -ECANCELED (with -ENODEV where a done calls a verb) before it returns; then the link
 * is closed and all is freed. `last`, where it is not NULL, is written first, behind what is left of the pace's between_ns
 * (slept, 0.25 s at most), and not waited for: what a device must not be left without. Not from inside one of the dialogue's callbacks. NULL is fine. */
void dialogue_close(struct dialogue *dialogue, const struct dialogue_request *last);

/* ---- opening --------------------------------------------------------------------------------------------------- */

/* Asks at once; the answer to what was asked before it, if anything was, is taken for right. Only while opening. Where
 * the device does not answer, or its answer is final and wrong, opening has failed: host->ready gets the status, and
 * nothing more comes. */
void dialogue_ask(struct dialogue *dialogue, int what, double value);

/* The last answer was right, and nothing more is asked: the driver listens to what the device says by itself until it calls
 * dialogue_ready() or dialogue_lose(). Only while opening. */
void dialogue_listen(struct dialogue *dialogue);

/* Opening is over, the last answer was right: host->ready(0), then the first verb that waits. Only while opening. */
void dialogue_ready(struct dialogue *dialogue);

/* ---- verbs: each request's done runs exactly once, from the loop ----------------------------------------------- */

/* Asked when it is its turn; while opening, after dialogue_ready(). Done with what dialogue_answered() or
 * dialogue_reject() conclude, or
 * -ENOBUFS   waiting_max requests wait already
 * -ENODEV    the device is lost, or was lost while the request waited; the request under way gets the reason itself
 * -ETIMEDOUT no answer, asked twice: the device is lost with it, but where its pace forgives that
 * -ECANCELED a stop or the end of the session came first, or a standstill of this program: see switches_on. */
void dialogue_submit(struct dialogue *dialogue, const struct dialogue_request *request);

/* Jumps the queue: what waits is cancelled, what is under way is given up (its answer, should it come late, is the
 * driver's to recognise), and the stop is written before this returns. While opening it comes first after that. */
void dialogue_stop(struct dialogue *dialogue, const struct dialogue_request *request);

/* Written at once, whatever is under way, and not waited for; in every state, also after the device was lost. request->done
 * is not called. */
void dialogue_tell(struct dialogue *dialogue, const struct dialogue_request *request);

/* ---- answers, from ops->bytes ---------------------------------------------------------------------------------- */

/* The request that is under way, NULL for none and while it rests. Borrowed until the next call. */
const struct dialogue_request *dialogue_awaits(const struct dialogue *dialogue);

unsigned dialogue_asked(const struct dialogue *dialogue);    /* how often it was asked, 1 and up */
uint64_t dialogue_asked_ns(const struct dialogue *dialogue); /* when it was asked last */

/* The answer is right: done(0), then the next request. Not while opening: there the next dialogue_ask() says so. */
void dialogue_answered(struct dialogue *dialogue);

/* The answer counts against the device: status is -EPROTO (it makes no sense), -EREMOTEIO (not what was set) or another
 * (it refuses). Asked again while it was asked fewer than asked_max times; then done(status, err). With nothing under
 * way an odd answer is counted, and that is all. */
void dialogue_reject(struct dialogue *dialogue, unsigned asked_max, int status, const struct err *err);

/* Asks once more because one answer is not enough. The caller bounds it by dialogue_asked(). */
void dialogue_confirm(struct dialogue *dialogue);

/* ---- the loop -------------------------------------------------------------------------------------------------- */

/* Runs what is done, and asks again or gives the device up where an answer is overdue: at DRIVER_REPLY_NS after asking
 * (and after the link's wait), not counting time in which the host itself did not run. A request whose wait fell into such
 * a time is asked again before its silence counts, a few times: what was lost on a held-up host is not known. A done that
 * calls a verb which fails at once hears of it on the next tick. */
void dialogue_tick(struct dialogue *dialogue, uint64_t now_ns);

/* The driver itself has seen that the device is of no use. Status and err go to the request under way and to
 * host->lost (host->ready while opening). Only from the loop; the second time nothing happens. */
void dialogue_lose(struct dialogue *dialogue, int status, const struct err *err);

enum dialogue_state dialogue_state(const struct dialogue *dialogue);
uint64_t dialogue_now_ns(const struct dialogue *dialogue); /* the latest time it was given, by a tick or by bytes */
const struct link *dialogue_link(const struct dialogue *dialogue);

/* Sets repeated_requests, odd_replies and link; leaves the others as they are. */
void dialogue_counters(const struct dialogue *dialogue, struct device_counters *ret);

#endif
