/* A bench as its files describe it: devices, links, calibrations, phantoms. Reading checks form and meaning; what
 * depends on the day (due dates) or on another file (the plan) is checked by the functions named so. */
#ifndef PENRIG_CONFIG_BENCH_H
#define PENRIG_CONFIG_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/base/disk.h"
#include "rig/base/json.h"
#include "rig/config/control.h"
#include "rig/config/dial.h"
#include "rig/config/golden.h"
#include "rig/config/power.h"
#include "rig/config/uncertainty.h"
#include "rig/driver/driver.h"
#include "rig/driver/role.h"
#include "rig/link/link.h"
#include "rig/measure/curve.h"

#define BENCH_PHANTOMS_MAX 16
#define BENCH_DEVICES_MAX  8
#define BENCH_VERSIONS_MAX 16

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
	double lack_of_fit_mm,
		lack_of_fit_p; /* how far the settings lie beside the curve, and by what chance; NaN: not said */
	double contact_mm, u_contact_mm; /* where the forces begin on the stage's scale; NaN: not said */
	double hysteresis_mm, hysteresis_p, u_hysteresis_mm; /* from above against from below; NaN: not said */
	char indicator[128];                                 /* what read the stage; empty: whoever set it */
};

/* One phantom file. */
struct phantom {
	char path[FILE_PATH_MAX];
	struct json_doc *doc; /* the text as read, for the record */
	struct approval approval;
	char serial[48], material[96];
	struct calibration calibration;
	struct curve_set curves;
	double temperature_c;                      /* at which it was calibrated */
	double temperature_range_c[2];             /* where the curves hold; equal: not said. Default: 5 K either way */
	double force_rel_per_k, u_force_rel_per_k; /* by how much the force changes, of itself; default 0, 0 */
	struct phantom_conditions conditions;
	struct uncertainty uncertainty;
	uint64_t stroke_budget; /* per position; 0 is not allowed */
	/* from the bench file: */
	char position[32];     /* the position in use */
	uint64_t strokes_used; /* there so far */
	unsigned line, column; /* of its entry in the bench file, for messages */
};

/* Samples that nothing but the bench file describes. */
struct bench_command {
	bool there;
	struct command_setup setup;
	char sha256[65]; /* must be the program's; empty: not checked */
};

/* What hangs on the inputs of a DAQ. */
struct bench_daq {
	bool there;
	struct daq_setup setup;
};

/* The safety inputs that it has: its lines are known once its driver is (bench_check_drivers). */
struct bench_inputs {
	bool there, settled;
	struct inputs_setup setup;
};

/* What every device of a bench has, and what its roles add to that. */
struct bench_device {
	char name[32];              /* empty in the short form, "pen" and "sensor" */
	unsigned roles;             /* ROLE_BIT() of each */
	char driver[32], link[160]; /* the pen's link may hold "{dut}": the DUT's serial number takes its place */
	char serial[48];            /* must be the device's own; "" = not checked */
	struct link_settings line;
	struct calibration calibration;      /* certificate "": it needs none */
	double rate_hz;                      /* of its fastest stream; 0 = the device's own */
	double clock_ppm;                    /* specification of its sample clock, +- (rectangular); 0 = not said */
	double latency_lo_ms, latency_hi_ms; /* from a sample to its earliest arrival in this computer (rectangular) */
	double temperature_u_k;              /* standard uncertainty of its temperatures; 0 = not calibrated */
	double displacement_u_mm;            /* the same of its displacement */
	/* of a driver that knows many makes: */
	char profile[128]; /* name of a shipped one, or of a file; empty: its driver needs none */
	struct json_doc
		*profile_doc;    /* that file as read, for driver and record; NULL: a shipped one, or not read again */
	char profile_sha256[65]; /* must be the file's; empty: not checked */
	char unit[16];           /* of readings that name none; empty: not said */
	double gravity_m_s2;     /* g where a balance stands; 0: not said */
	unsigned sites;          /* what each value of a reading is of */
	char site[DEVICE_SITES_MAX][16];
	struct bench_command command; /* of a driver that needs it */
	struct bench_daq daq;         /* the same */
	struct bench_inputs inputs;   /* of one with the role io */
	const struct json *node;      /* its entry in the file, for messages */
};

/* The pens of this bench; the pen's own MIN and MAX count too. */
struct bench_pen {
	bool carries_serial; /* *IDN? names the serial number; default true, of a pen made of parts false */
	uint32_t heartbeat_ms, deadman_ms; /* defaults 100, 500; 3 * heartbeat <= deadman; 0: a class without a time */
	double rate_lo_hz, rate_hi_hz, depth_lo_mm, depth_hi_mm;
	double coast_down_max_s;  /* how long the needles may run on after stop; default 0.5 */
	int dead_man;             /* enum deadman_class; default DEADMAN_PEN */
	struct bench_power power; /* of a pen made of parts */
	struct bench_dial dial;   /* the same; not present: a hand turns it */
};

/* The force that the load sensor measures. */
struct bench_sensor {
	double force_u_rel;                        /* standard uncertainty of the sensitivity, relative (certificate) */
	double force_range_lo_n, force_range_hi_n; /* calibrated range */
	double bandwidth_hz;          /* -3 dB, of the force on its way into the samples: filter or cell; 0: not said */
	double cell_hz, cell_damping; /* natural frequency and damping ratio, mounted; 0 = none */
	double preload_lo_n, preload_hi_n;
	char tare_free[96];      /* how it is known that no needle touches in the tare; empty: not said */
	double zero_n, u_zero_n; /* what it reads without contact, and its standard uncertainty; 0: not known */
	double still_n;          /* a swing above this is a stroke; default 0.02 */
	double temperature_coefficient_rel_per_k;
};

/* The process of its own that stops the pen when penrig is gone or stands still (docs/safety.md). */
struct bench_stopper {
	bool required; /* a run without one is refused; default true */
	double standstill_s; /* a penrig that gives no sign for so long with a pen that may run is not waited for; default 5 */
};

/* A file as it was read before. */
struct bench_text {
	const char *path, *text;
	size_t len;
};

struct bench {
	char path[FILE_PATH_MAX];
	struct json_doc *doc;
	struct approval approval;
	char name[64], site[96];
	double retention_years;   /* for which its runs are kept; NAN: for good */
	char legal_hold[200];     /* why none of them may be deleted whatever their age; "": they may */
	bool production;          /* only approved files are run on it: control.h */
	char keys[FILE_PATH_MAX]; /* folder of the approvers' public keys; empty: not said */
	unsigned versions;        /* of penrig that it allows; 0: any */
	char version[BENCH_VERSIONS_MAX][32];
	double mains_hz;                   /* 50 or 60 */
	double ambient_lo_c, ambient_hi_c; /* where its calibrations hold */
	struct uncertainty uncertainty;
	unsigned devices;
	struct bench_device device[BENCH_DEVICES_MAX];
	struct bench_pen pen;
	struct bench_sensor sensor;
	struct bench_stopper stopper;
	struct bench_golden golden;
	unsigned phantoms;
	struct phantom phantom[BENCH_PHANTOMS_MAX];
	const struct bench_text *given; /* while it is being read: the phantoms' texts */
	unsigned given_count;
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
int bench_check_devices_due(const struct bench *bench, const char *today, struct err *err); /* without the phantoms */

/* Whether the bench allows this version of penrig: 0, or -EKEYREJECTED with file:line:column. */
int bench_check_version(const struct bench *bench, const char *version, struct err *err);

/* The first device with this role, or NULL. A bench that was read has one pen and one load sensor. */
const struct bench_device *bench_device(const struct bench *bench, enum device_role role);
/* Standard uncertainties of the channels that are judged; 0: the bench has no calibrated one. */
double bench_displacement_u_mm(const struct bench *bench);
double bench_temperature_u_k(const struct bench *bench);
/* Samples per second of all its devices, as far as the file says them. */
double bench_sample_rate_hz(const struct bench *bench);
/* Line of a device's entry in the bench file, for messages; of NULL and of a bench that was not read from a text: 1. */
unsigned bench_device_line(const struct bench_device *device);

/* What the bench says of a device whose driver asks for it; borrowed from the bench. */
void bench_device_told(const struct bench_device *device, struct device_told *ret);

/* Settles which lines the safety inputs hang on. Every driver is in the table, serves the roles that the file gives it, and its profile, where it needs one, reads and fits
 * what stands beside it: else -EINVAL with file:line:column. */
int bench_check_drivers(struct bench *bench, const struct driver *const *table, struct err *err);

/* Index of the phantom with this serial number or -1. */
int bench_phantom(const struct bench *bench, const char *serial);

/* The pen's link with {dut} filled in. -EINVAL: the serial number has characters that a link name cannot carry. */
int bench_pen_link(const struct bench *bench, const char *dut, char *ret, size_t size, struct err *err);
/* Whether the pen's link is this name, for some DUT's serial number. */
bool bench_pen_could_be(const struct bench *bench, const char *name);

#endif
