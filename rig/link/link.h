/* A link carries bytes to and from one device and says when the device is gone. It knows no protocol above its own
 * wire.
 *
 * Names (URIs): a device is named by what it is or where it is plugged in, never by an address that changes:
 *   usb:VID:PID:SERIAL      usb:port=1-2.3
 *   serial:VID:PID:SERIAL   serial:port=1-2.3   serial:by-id=NAME   serial:/dev/serial/by-id/NAME
 *   exec:PROGRAM            file:PATH
 *   tcp:ADDRESS:PORT        tcp:ADDRESS       tcp:[IPV6]:PORT
 * VID and PID are four hex digits. A name that is not stable (/dev/ttyACM0) is refused with the stable one to write.
 * exec: is a program whose standard output is read, file: a FIFO or a device of the kernel: bytes only come from them.
 * tcp: is a device on the network, by its address: a name would have to be looked up, which may block. */
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
 * gone:  exactly once, at most 100 ms after the device went; nothing follows it; only link_close() is useful then. Of a tcp:
 *        link whose other side vanished without a word, some 3 s after, and of a USB device that falls silent while the halt of
 *        an endpoint is cleared, up to 5 s: who needs to know sooner looks at what comes. */
struct link_sink {
	void *ctx;
	void (*bytes)(void *ctx, const uint8_t *data, size_t len, bool end, uint64_t host_ns);
	void (*gone)(void *ctx, const struct err *why);
	/* A line that a program says on its standard error, without its end, as it came: any bytes. NULL is fine. */
	void (*said)(void *ctx, const char *text, size_t len);
};

enum link_parity {
	LINK_PARITY_UNSET,
	LINK_PARITY_NONE,
	LINK_PARITY_ODD,
	LINK_PARITY_EVEN,
	LINK_PARITY_MARK,
	LINK_PARITY_SPACE,
};

enum link_flow {
	LINK_FLOW_UNSET,
	LINK_FLOW_NONE,
	LINK_FLOW_RTS_CTS,
	LINK_FLOW_XON_XOFF, /* takes two byte values out of the line: for text protocols only */
};

/* How a serial port is set. A member that is 0 says nothing: the driver's counts in its place, and behind that
 * 8 data bits, no parity, 1 stop bit, no flow control, no wait. */
struct link_settings {
	uint32_t baud;     /* LINK_BAUD_MIN to LINK_BAUD_MAX */
	uint8_t data_bits; /* 5 to 8 */
	uint8_t stop_bits; /* 1 or 2 */
	enum link_parity parity;
	enum link_flow flow;
	uint64_t wait_ns; /* after opening, up to LINK_WAIT_MAX_NS: boards that restart when their port is opened */
};

#define LINK_BAUD_MIN    300u
#define LINK_BAUD_MAX    20000000u
#define LINK_WAIT_MAX_NS (10 * NS_PER_S)

/* The words of files and messages, NULL-terminated: word i stands for the enumerator i + 1. */
extern const char *const link_parity_words[], *const link_flow_words[];

/* 0, or -EINVAL with the member that is out of its range. */
int link_settings_check(const struct link_settings *settings, struct err *err);

/* `given`, and for what it leaves unset `own`, and for what that leaves unset 8N1. The baud rate may stay 0. */
struct link_settings link_settings_over(const struct link_settings *given, const struct link_settings *own);

/* What a driver needs of its link. usb_class 0 = the driver has no USB face. usb_subclass, usb_protocol: -1 = any. */
struct link_wants {
	uint8_t usb_class;
	int usb_subclass, usb_protocol;
	/* What a device sends as a stream without ends comes in pieces of so many bytes, up to 16384: how long one takes is how
	 * late its first byte comes. 0: for devices that end their transfers themselves. */
	uint16_t usb_piece;
	bool usbtmc;         /* wrap the USB link: whole text lines in and out instead of USBTMC messages */
	uint16_t hid_report; /* wrap the USB link: feature reports of so many bytes, up to LINK_HID_REPORT_MAX; 0: no */
	bool source;         /* bytes only come: exec: and file: links, and no others */
	bool binary;         /* every byte value may come: fewer than 8 data bits and XON/XOFF are refused */
	struct link_settings serial;  /* baud 0 = the driver has no serial face */
	uint16_t tcp_port;            /* where the link names none; 0 = the driver has no network face */
	const char *const *arguments; /* of a program, NULL-terminated; NULL: none. Borrowed for the call */
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
	uint64_t failed_in; /* USB transfers in that failed on the way: what they carried may be lost */
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
	/* No byte leaves before this time, and what arrives before it is dropped: the wait after opening. 0 = no wait.
	 * Who waits for an answer counts from here. */
	uint64_t held_until_ns;
	bool connecting; /* tcp: the other side has not answered yet; what is written meanwhile waits */
};

enum link_line { LINK_CTS = 1 << 0, LINK_DSR = 1 << 1, LINK_DCD = 1 << 2, LINK_RI = 1 << 3 };

/* What implements a scheme. Nothing here blocks but where it says so; an error's text names the remedy. */
struct link_ops {
	const char *name;
	const char *scheme; /* of the URIs that it opens */
	bool source;        /* bytes only come: nobody can be asked over it */
	bool midway;        /* what comes first may have begun before: half a line, half a sample */
	bool unlisted;      /* list() names none: whether a device is there shows when it is opened */

	/* Opens a device and begins to listen. Blocks no longer than the operating system's own open. uri: without its
	 * scheme. wants: borrowed for the call, its settings complete.
	 * 0 and *ret, or
	 * -ENODEV  no such device is plugged in
	 * -EBUSY   somebody holds it; the text names who
	 * -EACCES  no permission; the text names the udev rule or the group
	 * -EINVAL  a bad or ambiguous name, a device without the wanted interface, or a setting that the port does not
	 *          take; the text names the setting and the port
	 * -ENOTSUP the wanted wrapping cannot be had on this wire
	 * -EIO, -ENOMEM, -ENOSPC (no room in the loop). */
	int (*open)(struct loop *loop, const char *uri, const struct link_wants *wants, const struct link_sink *sink,
		    struct link **ret, struct err *err);

	/* Takes over a port that another process has opened and set up, by a descriptor of it, which stays the caller's.
	 * Nothing is set or waited for; what was received and not read is dropped. Optional: NULL where a device cannot
	 * be shared so. Errors: those of open. */
	int (*adopt)(struct loop *loop, const char *uri, int fd, const struct link_sink *sink, struct link **ret,
		     struct err *err);

	/* The descriptor that another process may adopt, the link's own. Optional, as adopt. -ENODEV: gone. */
	int (*descriptor)(const struct link *link);

	/* Cancels what is queued (its done functions run with -ECANCELED before this returns), gives a detached kernel
	 * driver back, frees. Blocks for at most 1 s, for what must still leave. Safe after gone, and from inside the
	 * link's own callbacks: the device is then given back when the callback returns. No callback follows. */
	void (*close)(struct link *link);

	/* Copies `data` and queues it whole; what has not left at deadline_ns is dropped. done may be NULL.
	 * 0, or
	 * -ENODEV  the device is gone
	 * -ENOBUFS LINK_QUEUE_BYTES would be passed: the other side is stuck
	 * -EINVAL  len is 0, or not one whole message on a wire of messages
	 * -EMSGSIZE longer than a message may be
	 * -ENOTSUP the device has no way in
	 * -ENOMEM. */
	int (*write)(struct link *link, const uint8_t *data, size_t len, uint64_t deadline_ns, link_done_fn done,
		     void *ctx);

	/* A USB control transfer on endpoint 0; OUT data is copied. A standard CLEAR_FEATURE(ENDPOINT_HALT) also resets
	 * the host's side of that endpoint; of the IN endpoint, what a transfer under way holds reaches the sink first, so that
	 * what comes behind `done` begins anew. What is asked of a device while a halt of its is cleared leaves behind that.
	 * Optional: NULL where the wire has none.
	 * 0, or -ENODEV, -ENOBUFS (too many under way), -ENOMEM. */
	int (*control)(struct link *link, const struct link_setup *setup, const uint8_t *data, uint64_t deadline_ns,
		       link_control_fn done, void *ctx);

	/* The lines that the other side of a serial port drives, LINK_CTS and its like, as they stand now. Optional: NULL
	 * where the wire has none. 0, or -ENODEV: gone; -ENOTSUP: the port has no such lines. */
	int (*control_lines)(const struct link *link, unsigned *ret);

	/* What the device is, as read when it was opened; its holder is empty. Always succeeds, also after gone. */
	void (*identity)(const struct link *link, struct link_identity *ret);

	/* Since opening. Always succeeds, also after gone. */
	void (*counters)(const struct link *link, struct link_counters *ret);

	/* Calls `each` for every device of the scheme that is present, held or not, before it returns. Reads the
	 * operating system's lists; opens nothing. Optional: NULL for links that wrap another.
	 * 0, or -EIO and the like where the lists cannot be read. */
	int (*list)(void (*each)(void *ctx, const struct link_identity *id), void *ctx, struct err *err);
};

extern const struct link_ops link_serial, link_usb, link_exec, link_file, link_tcp;
extern const struct link_ops *const link_table[]; /* NULL-terminated: every scheme of the product */

/* All that is said of a link to be opened. Borrowed for the call, but for what it points to of the loop and the table. */
struct link_opening {
	const struct link_ops *const *table; /* the schemes there are: tests hand in their own */
	struct loop *loop;
	const char *uri;
	struct link_wants wants;       /* the driver's */
	struct link_settings settings; /* the bench's: they count before the driver's */
	struct link_sink sink;
	int adopted; /* descriptor of the port, which another process has opened: see link_ops.adopt. 0: it is opened here */
};

/* Opens by scheme and wraps a USB link for USBTMC where wanted. Errors: those of link_ops.open; -EINVAL too for an
 * unknown scheme, a driver without this face, settings out of range, and any setting given for a usb: or tcp: link. */
int link_open(const struct link_opening *opening, struct link **ret, struct err *err);
void link_close(struct link *link); /* NULL is fine */

/* Splits "usb:1209:0001:SN" and checks it without opening anything: -EINVAL with a remedy. */
int link_uri_check(const struct link_ops *const *table, const char *uri, struct err *err);

/* Whether this name stands for the device, as a scheme's list() told of it. */
bool link_uri_names(const char *uri, const char *scheme, const struct link_identity *id);

/* Whether list() would tell of the device if it were there. */
bool link_uri_is_listed(const struct link_ops *const *table, const char *uri);

/* Whether it is a link from which bytes only come. */
bool link_uri_is_source(const struct link_ops *const *table, const char *uri);

/* USBTMC (USBTMC 1.00) over a link that has control transfers: INITIATE_CLEAR at open, one DEV_DEP_MSG_OUT for each
 * written line, and for each line holding '?' a REQUEST_DEV_DEP_MSG_IN; replies reach the sink as lines ending in '\n'.
 * Each write is one line of at most 4096 bytes (-EINVAL, -EMSGSIZE). One question at a time: a new one abandons the one
 * before it, whose answer is then discarded. There is no time limit for an answer here. Opens and owns the link below.
 * usb: the link below; uri: without its scheme. */
int link_usbtmc_open(const struct link_ops *usb, const char *uri, const struct link_opening *opening, struct link **ret,
		     struct err *err);

#define LINK_HID_REPORT_MAX 64 /* bytes behind its number */

/* HID feature reports (HID 1.11, section 7.2) over a link that has control transfers, for devices that nothing comes from
 * unasked. Each write is a report as the kernel's hidraw has it: its number (0: the device has but one), then its bytes,
 * which are set; only the number sets nothing. Either way it is then read back, wants.hid_report bytes of it, which reach
 * the sink without the number, as many as the device gives. A new write abandons what the one before it would have read.
 * -EMSGSIZE: longer than LINK_HID_REPORT_MAX. Opens and owns the link below, as link_usbtmc_open(). */
int link_hid_open(const struct link_ops *usb, const char *uri, const struct link_opening *opening, struct link **ret,
		  struct err *err);

#endif
