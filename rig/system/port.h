/* What the operating system knows of a device's node: its kernel driver, who may open it, how its adapter is set. Reads
 * /sys and file modes; opens no device. `root` is put before every path: "" for this computer, a folder in tests. */
#ifndef PENRIG_SYSTEM_PORT_H
#define PENRIG_SYSTEM_PORT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "rig/system/diagnosis.h"

#define SYSTEM_TEXT_MAX 160

struct system_port {
	char node[SYSTEM_TEXT_MAX]; /* "/dev/ttyUSB0", "/dev/bus/usb/001/004" */
	char kernel_driver
		[32]; /* "ftdi_sio", "usbtmc"; of a USB device with several: those of its interfaces, ", " between */
	char usb[SYSTEM_TEXT_MAX];     /* folder of its USB device in /sys; empty: it has none */
	char vid[5], pid[5];           /* four hex digits; empty: not known */
	bool there, readable;          /* the node exists; whoever asks may read and write it */
	char group[32];                /* the node's */
	bool group_may;                /* members of it may read and write */
	int latency_ms;                /* of an FTDI adapter; -1: it has none */
	char latency[SYSTEM_TEXT_MAX]; /* where it is set */
	bool sleeps;                   /* the kernel may suspend it while nobody uses it */
	int speed_mbit;                /* of its USB; 0: not known */
};

/* Who asks: of this process where `known` is not set. */
struct system_user {
	bool known;
	uid_t uid;
	gid_t gid[64];
	unsigned gids;
};
void system_user_of_process(struct system_user *ret);

void system_port_read(const char *root, const char *node, const struct system_user *user, struct system_port *ret);

/* Calls `each` with the name and what it says it is of every IIO device: "iio:device0", "ad7124-8". */
void system_iio_list(const char *root, void (*each)(void *ctx, const char *device, const char *name), void *ctx);

/* What is to be said of it. subject: as findings name the device. busy: who holds it, empty: nobody. ours: kernel drivers
 * that penrig moves aside by itself are no trouble. */
void system_port_check(const char *root, const struct system_port *port, const char *subject, const char *holder,
		       struct diagnoses *findings);

/* Whether a udev rule keeps ModemManager off devices of this vendor: reads the folders of rules. */
bool system_modem_rule(const char *root, const char *vid);

#endif
