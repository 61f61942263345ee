/* A libusb program of its own, for the tests of the virtual bench: asynchronous transfers, cancel, unplug, replug; and,
 * as `echo` and `flood`, figures of the path itself. Prints one word per fact; the test compares. */
#include <errno.h>
#include <libusb-1.0/libusb.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define TRANSFERS      8
#define TRANSFER_BYTES 16384

struct probe {
	libusb_context *context;
	libusb_device_handle *handle;
	uint16_t vid, pid;
	uint8_t interface, in, out;
	struct libusb_transfer *transfers[TRANSFERS];
	unsigned flying, cancelled, gone, other;
	uint64_t bytes;
	bool resubmit, left, arrived;
};

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double cpu_s(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static int fail(const char *what, int rc)
{
	fprintf(stderr, "usb_probe: %s: %s\n", what, libusb_error_name(rc));
	return 1;
}

static void LIBUSB_CALL on_transfer(struct libusb_transfer *t)
{
	struct probe *p = t->user_data;
	p->flying--;
	p->bytes += (uint64_t)t->actual_length;
	if (t->status == LIBUSB_TRANSFER_CANCELLED)
		p->cancelled++;
	else if (t->status == LIBUSB_TRANSFER_NO_DEVICE)
		p->gone++;
	else if (t->status != LIBUSB_TRANSFER_COMPLETED)
		p->other++;
	else if (p->resubmit && libusb_submit_transfer(t) == 0)
		p->flying++;
}

static int LIBUSB_CALL on_hotplug(libusb_context *context, libusb_device *device, libusb_hotplug_event event, void *ctx)
{
	struct probe *p = ctx;
	(void)context;
	(void)device;
	if (event == LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT)
		p->left = true;
	else
		p->arrived = true;
	return 0;
}

static bool turn_until(struct probe *p, const bool *flag, unsigned *count_to_zero, double limit_s)
{
	double end = now_s() + limit_s;
	while (!(flag ? *flag : *count_to_zero == 0)) {
		struct timeval t = {.tv_sec = 0, .tv_usec = 50000};
		if (now_s() > end || libusb_handle_events_timeout(p->context, &t) < 0)
			return false;
	}
	return true;
}

static void choose_endpoints(struct probe *p, const struct libusb_config_descriptor *config)
{
	for (unsigned i = 0; i < config->bNumInterfaces; i++) {
		const struct libusb_interface_descriptor *f = &config->interface[i].altsetting[0];
		for (unsigned k = 0; k < f->bNumEndpoints; k++) {
			const struct libusb_endpoint_descriptor *e = &f->endpoint[k];
			if ((e->bmAttributes & 3) != LIBUSB_TRANSFER_TYPE_BULK)
				continue;
			p->interface = f->bInterfaceNumber;
			if ((e->bEndpointAddress & 0x80) && !p->in)
				p->in = e->bEndpointAddress;
			else if (!(e->bEndpointAddress & 0x80) && !p->out)
				p->out = e->bEndpointAddress;
		}
	}
}

static int open_device(struct probe *p)
{
	struct libusb_config_descriptor *config;
	p->handle = libusb_open_device_with_vid_pid(p->context, p->vid, p->pid);
	if (!p->handle)
		return LIBUSB_ERROR_NOT_FOUND;
	int rc = libusb_get_active_config_descriptor(libusb_get_device(p->handle), &config);
	if (rc < 0)
		return rc;
	choose_endpoints(p, config);
	libusb_free_config_descriptor(config);
	libusb_set_auto_detach_kernel_driver(p->handle, 1);
	return libusb_claim_interface(p->handle, p->interface);
}

static int submit_all(struct probe *p, uint8_t endpoint)
{
	for (unsigned i = 0; i < TRANSFERS; i++) {
		struct libusb_transfer *t = p->transfers[i];
		libusb_fill_bulk_transfer(t, p->handle, endpoint, t->buffer, TRANSFER_BYTES, on_transfer, p, 0);
		int rc = libusb_submit_transfer(t);
		if (rc < 0)
			return rc;
		p->flying++;
	}
	return 0;
}

/* A second open file of the same device is refused the interface. */
static int check_second_claim(struct probe *p)
{
	libusb_device_handle *second;
	int rc = libusb_open(libusb_get_device(p->handle), &second);
	if (rc < 0)
		return fail("second open", rc);
	rc = libusb_claim_interface(second, p->interface);
	printf("second-claim=%s\n", libusb_error_name(rc));
	libusb_close(second);
	return 0;
}

static int check_cancel(struct probe *p)
{
	int rc = submit_all(p, p->in);
	if (rc < 0)
		return fail("submit", rc);
	for (unsigned i = 0; i < TRANSFERS; i++)
		libusb_cancel_transfer(p->transfers[i]);
	bool ended = turn_until(p, NULL, &p->flying, 5);
	printf("cancelled=%u ended=%d again=%s\n", p->cancelled, ended,
	       libusb_error_name(libusb_cancel_transfer(p->transfers[0])));
	return 0;
}

/* Keeps control transfers going, which the bench's fault counts, until the device is gone. */
static bool pump_until_left(struct probe *p)
{
	uint8_t data[18];
	double end = now_s() + 20;
	while (!p->left && now_s() < end) {
		struct timeval none = {.tv_sec = 0};
		libusb_get_descriptor(p->handle, LIBUSB_DT_DEVICE, 0, data, sizeof(data));
		libusb_handle_events_timeout(p->context, &none);
	}
	return p->left;
}

static int check_lost(struct probe *p)
{
	p->resubmit = true;
	int rc = submit_all(p, p->in);
	if (rc < 0)
		return fail("submit", rc);
	printf("queued=%u\n", p->flying);
	bool left = pump_until_left(p);
	p->resubmit = false;
	bool ended = turn_until(p, NULL, &p->flying, 5);
	printf("left=%d ended=%d gone=%u other=%u\n", left, ended, p->gone, p->other);
	return 0;
}

static int check_replug(struct probe *p)
{
	unsigned before = libusb_get_device_address(libusb_get_device(p->handle));
	libusb_close(p->handle);
	p->handle = NULL;
	if (!turn_until(p, &p->arrived, NULL, 20))
		return fail("replug", LIBUSB_ERROR_TIMEOUT);
	int rc = open_device(p);
	if (rc < 0)
		return fail("open after replug", rc);
	unsigned after = libusb_get_device_address(libusb_get_device(p->handle));
	printf("new-address=%d\n", after != before);
	return 0;
}

static int session(struct probe *p, const char *what)
{
	libusb_hotplug_callback_handle hotplug;
	int rc = libusb_hotplug_register_callback(
		p->context, LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT | LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED, 0, p->vid, p->pid,
		LIBUSB_HOTPLUG_MATCH_ANY, on_hotplug, p, &hotplug);
	if (rc < 0)
		return fail("hotplug", rc);
	if (strcmp(what, "watch") == 0) {
		puts("watching");
		printf("saw-left=%d\n", turn_until(p, &p->left, NULL, 20));
		return 0;
	}
	if (strcmp(what, "lost") == 0)
		return check_lost(p);
	rc = check_second_claim(p);
	if (rc == 0)
		rc = check_cancel(p);
	if (rc == 0)
		rc = check_lost(p);
	return rc ? rc : check_replug(p);
}

/* Echo of 64 bytes, one at a time: mean time there and back. Needs a device that echoes. */
static int echo(struct probe *p)
{
	uint8_t data[64] = {1, 2, 3};
	const int rounds = 2000;
	double start = now_s();
	for (int i = 0; i < rounds; i++) {
		int n = 0;
		data[0] = (uint8_t)i;
		int rc = libusb_bulk_transfer(p->handle, p->out, data, sizeof(data), &n, 1000);
		if (rc == 0)
			rc = libusb_bulk_transfer(p->handle, p->in, data, sizeof(data), &n, 1000);
		if (rc < 0 || n != (int)sizeof(data) || data[0] != (uint8_t)i)
			return fail("echo", rc);
	}
	printf("echo_us=%.0f\n", (now_s() - start) * 1e6 / rounds);
	return 0;
}

static int control(struct probe *p)
{
	uint8_t data[18];
	const int rounds = 2000;
	double start = now_s();
	for (int i = 0; i < rounds; i++) {
		int rc = libusb_get_descriptor(p->handle, LIBUSB_DT_DEVICE, 0, data, sizeof(data));
		if (rc < 0)
			return fail("control", rc);
	}
	printf("control_us=%.0f\n", (now_s() - start) * 1e6 / rounds);
	return 0;
}

static int flood(struct probe *p, uint8_t endpoint)
{
	p->resubmit = true;
	double start = now_s();
	int rc = submit_all(p, endpoint);
	if (rc < 0)
		return fail("submit", rc);
	const bool never = false;
	turn_until(p, &never, NULL, 2);
	double took = now_s() - start, bytes = (double)p->bytes;
	p->resubmit = false;
	turn_until(p, NULL, &p->flying, 5);
	printf("in_MB_per_s=%.0f\n", bytes / took / 1e6);
	return 0;
}

static int idle(struct probe *p, uint8_t endpoint)
{
	int rc = submit_all(p, endpoint);
	if (rc < 0)
		return fail("submit", rc);
	double cpu = cpu_s();
	const bool never = false;
	turn_until(p, &never, NULL, 3);
	printf("idle_client_cpu_percent=%.2f\n", (cpu_s() - cpu) / 3 * 100);
	for (unsigned i = 0; i < TRANSFERS; i++)
		libusb_cancel_transfer(p->transfers[i]);
	turn_until(p, NULL, &p->flying, 5);
	return 0;
}

static int figures(struct probe *p, int argc, char **argv)
{
	int rc = 2;
	if (strcmp(argv[2], "control") == 0)
		rc = control(p);
	else if (strcmp(argv[2], "echo") == 0)
		rc = echo(p);
	else if (strcmp(argv[2], "idle") == 0)
		rc = idle(p, p->in);
	else if (strcmp(argv[2], "flood") == 0)
		rc = flood(p, argc > 3 ? (uint8_t)strtoul(argv[3], NULL, 16) : p->in);
	return rc;
}

static void finish(struct probe *p)
{
	for (unsigned i = 0; i < TRANSFERS; i++) {
		free(p->transfers[i]->buffer);
		libusb_free_transfer(p->transfers[i]);
	}
	if (p->handle)
		libusb_close(p->handle);
	libusb_exit(p->context);
}

int main(int argc, char **argv)
{
	struct probe p = {.flying = 0};
	unsigned vid, pid;
	if (argc < 3 || sscanf(argv[1], "%x:%x", &vid, &pid) != 2) {
		fputs("usage: usb_probe VID:PID session|lost|watch|control|echo|idle|flood [ENDPOINT]\n", stderr);
		return 2;
	}
	p.vid = (uint16_t)vid;
	p.pid = (uint16_t)pid;
	setvbuf(stdout, NULL, _IOLBF, 0);
	int rc = libusb_init(&p.context);
	if (rc < 0)
		return fail("init", rc);
	for (unsigned i = 0; i < TRANSFERS; i++) {
		p.transfers[i] = libusb_alloc_transfer(0);
		p.transfers[i]->buffer = malloc(TRANSFER_BYTES);
	}
	bool watch = strcmp(argv[2], "watch") == 0;
	rc = watch ? 0 : open_device(&p);
	if (rc < 0)
		rc = fail("open", rc);
	else if (watch || strcmp(argv[2], "session") == 0 || strcmp(argv[2], "lost") == 0)
		rc = session(&p, argv[2]);
	else
		rc = figures(&p, argc, argv);
	if (p.flying == 0)
		finish(&p);
	return rc;
}
