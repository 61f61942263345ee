/* A link carries bytes to and from one device and says when the device is gone. It knows no protocol above its own
 * wire.
 *
 * Names (URIs): a device is named by what it is or where it is plugged in, never by an address that changes:
 *   usb:VID:PID:SERIAL      usb:port=1-2.3
 *   serial:VID:PID:SERIAL   serial:port=1-2.3   serial:by-id=NAME   serial:/dev/serial/by-id/NAME
 * VID and PID are four hex digits. A name that is not stable (/dev/ttyACM0) is refused with the stable one to write. */
#ifndef PENRIG_LINK_LINK_H
#define PENRIG_LINK_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rig/base/error.h"
#include "rig/base/loop.h"

#define LINK_NAME_MAX    160
#define LINK_QUEUE_BYTES 65536 /* bytes a link queues for writing; more is -ENOBUFS: the other side is stuck */

struct link;

/* Where received bytes and "gone" arrive. Called from the loop, never from inside a call into the link.
 * bytes: `end` marks the end of a USB transfer or message (short packet); serial links never set it. host_ns is read
 *        once, when the bytes arrived.
 * gone:  exactly once, at most 100 ms after the device went; nothing follows it; only link_close() is useful then. */
struct link_sink {
	void *ctx;
	void (*bytes)(void *ctx, const uint8_t *data, size_t len, bool end, uint64_t host_ns);
	void (*gone)(void *ctx, const struct err *why);
};

/* What a driver needs of its link. usb_class 0 = the driver has no USB face. usb_protocol -1 = any. */
struct link_wants {
	uint8_t usb_class, usb_subclass;
	int usb_protocol;
	bool usbtmc;   /* wrap the USB link: whole text lines in and out instead of USBTMC messages */
	uint32_t baud; /* serial; 0 = the driver has no serial face */
	bool rts_cts;
};

/* For the record and for `penrig list`. Empty where it has no meaning. */
struct link_identity {
	char uri[LINK_NAME_MAX];  /* the stable name that opens it again */
	char node[LINK_NAME_MAX]; /* "/dev/ttyACM0", "/dev/bus/usb/001/004": informative, changes on replug */
	char port[32];            /* "1-2.3" */
	uint16_t vid, pid;
	char serial[64];
	char maker[64], product[64];
	uint8_t usb_class, usb_subclass, usb_protocol; /* of the interface that would be used */
	uint8_t usb_interface, usb_ep_in, usb_ep_out;  /* its number and endpoint addresses; 0 = no such endpoint */
	int latency_timer_ms;                          /* FTDI adapters on an open link; 0 = the adapter has none */
	char holder[64];                               /* who holds it, "penrig (pid 412)"; empty = nobody or unknown */
};

struct link_counters {
	uint64_t bytes_in, bytes_out, transfers_in, transfers_out;
	uint64_t overruns, framing_errors; /* valid only where counters_known */
	uint64_t stalls, short_transfers, zero_length;
	bool counters_known;
};

/* status 0, -ETIMEDOUT (deadline passed, the rest was not sent), -EPIPE (stalled), -EIO (failed, device still there),
 * -ENODEV (gone), -ECANCELED (closed).
 * Called from the loop exactly once for every accepted write, never from inside link_write(). */
typedef void (*link_done_fn)(void *ctx, int status);
/* len: bytes of the data stage that were moved. data is valid in the callback only (IN). */
typedef void (*link_control_fn)(void *ctx, int status, const uint8_t *data, size_t len);

struct link_setup {
	uint8_t request_type, request;
	uint16_t value, index, length;
};

/* Every link starts with this; each implementation has its own struct behind it. */
struct link {
	const struct link_ops *ops;
};

/* open:     non-blocking but for the OS's own open. uri is without the scheme. 0 or: -ENODEV not present, -EBUSY held
 * (text names the holder), -EACCES (text names the udev rule or group), -EINVAL bad name, -EIO. close:    cancels what
 * is queued (their done functions run with -ECANCELED before it returns), gives a detached kernel driver back, frees.
 * Bounded: 1 s. Safe after gone, and from inside the link's own callbacks: the device is then given back when the
 * callback returns. No callback follows. write:    copies data, queues it whole; done may be NULL. -ENODEV after gone,
 * -ENOBUFS queue full, -EINVAL empty, -ENOTSUP the device has no way in. control:  USB control transfer on endpoint 0;
 * NULL slot where the wire has none. OUT data is copied. A standard CLEAR_FEATURE(ENDPOINT_HALT) also resets the host's
 * side of that endpoint. -ENODEV, -ENOBUFS, -ENOMEM. identity, counters: always succeed. list:     reports every device
 * of this scheme that is present. */
struct link_ops {
	const char *name;
	const char *scheme;
	int (*open)(struct loop *loop, const char *uri, const struct link_wants *wants, const struct link_sink *sink,
		    struct link **ret, struct err *err);
	void (*close)(struct link *link);
	int (*write)(struct link *link, const uint8_t *data, size_t len, uint64_t deadline_ns, link_done_fn done,
		     void *ctx);
	int (*control)(struct link *link, const struct link_setup *setup, const uint8_t *data, uint64_t deadline_ns,
		       link_control_fn done, void *ctx);
	void (*identity)(const struct link *link, struct link_identity *ret);
	void (*counters)(const struct link *link, struct link_counters *ret);
	int (*list)(void (*each)(void *ctx, const struct link_identity *id), void *ctx, struct err *err);
};

extern const struct link_ops link_serial, link_usb;
extern const struct link_ops *const link_table[]; /* NULL-terminated: every scheme of the product */

/* Opens by scheme from the given table (tests hand in their own) and wraps a USB link for USBTMC where wanted. */
int link_open(const struct link_ops *const *table, struct loop *loop, const char *uri, const struct link_wants *wants,
	      const struct link_sink *sink, struct link **ret, struct err *err);
void link_close(struct link *link); /* NULL is fine */

/* Splits "usb:1209:0001:SN" and checks it without opening anything: -EINVAL with a remedy. */
int link_uri_check(const struct link_ops *const *table, const char *uri, struct err *err);

/* USBTMC (USBTMC 1.00) over a link that has control transfers: INITIATE_CLEAR at open, one DEV_DEP_MSG_OUT for each
 * written line, and for each line holding '?' a REQUEST_DEV_DEP_MSG_IN; replies reach the sink as lines ending in '\n'.
 * Each write is one line of at most 4096 bytes (-EINVAL, -EMSGSIZE). One question at a time: a new one abandons the one
 * before it, whose answer is then discarded. There is no time limit for an answer here. Opens and owns the link below.
 */
int link_usbtmc_open(struct loop *loop, const struct link_ops *usb, const char *uri, const struct link_wants *wants,
		     const struct link_sink *sink, struct link **ret, struct err *err);

#endif
