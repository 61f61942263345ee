/* A calibration that replaces another one, for runs that were measured before it was known: a phantom's file, or a certificate
 * ("penrig/certificate/1") that says by what a device's readings were off. */
#ifndef PENRIG_CONFIG_CORRECTION_H
#define PENRIG_CONFIG_CORRECTION_H

#include "rig/config/bench.h"

struct correction_gain { /* true value = gain * what was read */
	bool there;
	double gain, u; /* u as the bench file has it: of forces relative, of displacements in mm */
};

struct correction_offset { /* true value = what was read + offset_k */
	bool there;
	double offset_k, u_k;
};

struct correction {
	char serial[48];                /* of the device or phantom */
	char replaces[64];              /* number of the certificate that was wrong; empty: whichever it was */
	struct calibration calibration; /* the new one */
	bool of_phantom;
	struct phantom phantom; /* of_phantom: its file as it should have been */
	struct correction_gain force, displacement;
	struct correction_offset temperature;
	unsigned earlier; /* see correction_add_earlier() */
	char (*earlier_certificate)[64];
};

/* -EINVAL with file:line:column, -errno of the file. */
int correction_read(const char *path, struct correction **ret, struct err *err);
/* The device had this certificate once. Where nothing is said to be replaced, what was calibrated with it under one of these rests
 * on it. -ENOMEM. */
int correction_add_earlier(struct correction *correction, const char *certificate);
/* Whether what was calibrated by a device with this certificate rests on what is corrected. */
bool correction_is_of(const struct correction *correction, const char *certificate);
void correction_free(struct correction *correction); /* NULL is fine */

#endif
