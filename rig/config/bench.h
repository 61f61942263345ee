/* A bench as its files describe it: devices, links, calibrations, phantoms. Reading checks form and meaning; what
 * depends on the day (due dates) or on another file (the plan) is checked by the functions named so. */
#ifndef PENRIG_CONFIG_BENCH_H
#define PENRIG_CONFIG_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/base/disk.h"
#include "rig/base/json.h"
#include "rig/measure/curve.h"

#define BENCH_PHANTOMS_MAX 16

struct calibration {
	char certificate[64]; /* number of the certificate; equals the id that the device declares, where it declares
				 one */
	char laboratory[64];
	char date[11], due[11]; /* YYYY-MM-DD; valid through the due date */
};

/* How a phantom was calibrated, where penrig did it; empty texts and 0: not said. */
struct phantom_conditions {
	char bench[64], sensor_certificate[64], pen[64], run[128], software[64];
	double u_stage_mm; /* standard uncertainty of one reading of the stage */
	int64_t repeats;
};

/* One phantom file. */
struct phantom {
	char path[FILE_PATH_MAX];
	struct json_doc *doc; /* the text as read, for the record */
	char serial[48], material[96];
	struct calibration calibration;
	struct curve_set curves;
	double temperature_c; /* at which it was calibrated */
	struct phantom_conditions conditions;
	uint64_t stroke_budget; /* per position; 0 is not allowed */
	/* from the bench file: */
	char position[32];     /* the position in use */
	uint64_t strokes_used; /* there so far */
	unsigned line, column; /* of its entry in the bench file, for messages */
};

struct bench_pen {
	char driver[32], link[160];        /* link may hold "{dut}": replaced by the DUT's serial number */
	uint32_t baud;                     /* 0: the driver's default */
	bool carries_serial;               /* *IDN? names the serial number; default true */
	uint32_t heartbeat_ms, deadman_ms; /* defaults 100, 500; 3 * heartbeat <= deadman */
	double rate_lo_hz, rate_hi_hz, depth_lo_mm,
		depth_hi_mm;     /* the pens of this bench; the pen's own MIN/MAX count too */
	double coast_down_max_s; /* how long the needles may run on after stop; default 0.5 */
};

struct bench_sensor {
	char driver[32], link[160];
	uint32_t baud;
	char serial[48]; /* must be the sensor's own; "" = not checked */
	struct calibration calibration;
	double rate_hz;                            /* of the force stream */
	double force_u_rel;                        /* standard uncertainty of the sensitivity, relative (certificate) */
	double force_range_lo_n, force_range_hi_n; /* calibrated range */
	double cell_hz, cell_damping;              /* natural frequency and damping ratio, mounted; 0 = none */
	double preload_lo_n, preload_hi_n;
	double still_n;   /* a swing above this is a stroke; default 0.02 */
	double clock_ppm; /* specification of the sample clock, +- (rectangular) */
	double temperature_coefficient_rel_per_k;
	double temperature_u_k;   /* standard uncertainty of the temperature channels */
	double displacement_u_mm; /* 0 = no calibrated displacement channel */
};

/* A file as it was read before. */
struct bench_text {
	const char *path, *text;
	size_t len;
};

struct bench {
	char path[FILE_PATH_MAX];
	struct json_doc *doc;
	char name[64], site[96];
	double mains_hz;                   /* 50 or 60 */
	double ambient_lo_c, ambient_hi_c; /* where its calibrations hold */
	struct bench_pen pen;
	struct bench_sensor sensor;
	unsigned phantoms;
	struct phantom phantom[BENCH_PHANTOMS_MAX];
	const struct bench_text *given; /* while it is being read: the phantoms' texts */
	unsigned given_count;
	unsigned pen_line, sensor_line, calibration_line, calibration_column; /* for messages */
};

/* Reads the bench and the phantom files it names (relative to the bench file). -EINVAL with file:line:column; -errno of
 * files. */
int bench_read(const char *path, struct bench **ret, struct err *err);
/* The same from texts that were read before: the bench's, and those of its phantoms in its order. */
int bench_parse(const struct bench_text *own, const struct bench_text *phantoms, unsigned phantom_count,
		struct bench **ret, struct err *err);
void bench_free(struct bench *bench);

/* `today` as YYYY-MM-DD. -EKEYEXPIRED with file:line:column for the first calibration that is overdue. */
int bench_check_due(const struct bench *bench, const char *today, struct err *err);
int bench_check_sensor_due(const struct bench *bench, const char *today, struct err *err); /* the load sensor's alone */

/* Both drivers are in the table and are of the right kind: else -EINVAL with file:line:column. */
struct driver;
int bench_check_drivers(const struct bench *bench, const struct driver *const *table, struct err *err);

/* Index of the phantom with this serial number or -1. */
int bench_phantom(const struct bench *bench, const char *serial);

/* The pen's link with {dut} filled in. -EINVAL: the serial number has characters that a link name cannot carry. */
int bench_pen_link(const struct bench *bench, const char *dut, char *ret, size_t size, struct err *err);

#endif
