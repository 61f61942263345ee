/* `penrig bench new`: asks its way through what is plugged in to a bench file that `check` accepts. Opens no device. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/base/disk.h"
#include "rig/base/json.h"
#include "rig/cli/kit/command.h"
#include "rig/cli/kit/plugged.h"
#include "rig/cli/kit/questions.h"
#include "rig/config/bench.h"

struct bench_options {
	struct option_list set;
	const char *answer_fd;
};

static const struct cli_option bench_table[] = {
	{.name = "set",
	 .kind = OPTION_LIST,
	 .arg = "KEY=VALUE",
	 .offset = offsetof(struct bench_options, set),
	 .help = "Answer a question beforehand; may be repeated. A wrong KEY is told with the nearest."},
	{.name = "answer-fd",
	 .kind = OPTION_TEXT,
	 .arg = "N",
	 .offset = offsetof(struct bench_options, answer_fd),
	 .help = "Take the other answers from descriptor N, a line each, in the order of the questions."},
	{.name = NULL},
};

enum asked {
	NAME,
	SITE,
	MAINS,
	AMBIENT,
	PEN_RATE,
	PEN_DEPTH,
	SAMPLE_RATE,
	CERTIFICATE,
	LABORATORY,
	CALIBRATED,
	DUE,
	FORCE_U,
	FORCE_RANGE,
	PRELOAD,
	CLOCK,
	TARE_FREE,
	CELL,
	DAMPING,
	PHANTOM,
	POSITION,
	STROKES,
	ASKED,
};

static const struct question questions[ASKED + 1] = {
	[NAME] = {.key = "name", .text = "The bench's name, in reports"},
	[SITE] = {.key = "site", .text = "Where it stands", .fallback = ""},
	[MAINS] = {.key = "mains_hz",
		   .text = "Mains, Hz (50 or 60)",
		   .fallback = "50",
		   .kind = ANSWER_NUMBER,
		   .lo = 50,
		   .hi = 60},
	[AMBIENT] = {.key = "ambient_c",
		     .text = "Room temperatures at which its calibrations hold, degC (two numbers)",
		     .kind = ANSWER_PAIR,
		     .lo = -20,
		     .hi = 60},
	[PEN_RATE] = {.key = "pen_rate_hz",
		      .text = "Rates that these pens are rated for, Hz (two numbers)",
		      .kind = ANSWER_PAIR,
		      .lo = 1,
		      .hi = 1000},
	[PEN_DEPTH] = {.key = "pen_depth_mm",
		       .text = "Depths that they are rated for, mm (two numbers)",
		       .kind = ANSWER_PAIR,
		       .lo = 0,
		       .hi = 10},
	[SAMPLE_RATE] = {.key = "sample_rate_hz",
			 .text = "Samples of force a second, Hz",
			 .fallback = "20000",
			 .kind = ANSWER_NUMBER,
			 .lo = 1,
			 .hi = 1e6},
	[CERTIFICATE] = {.key = "certificate", .text = "Number of the load sensor's calibration certificate"},
	[LABORATORY] = {.key = "laboratory", .text = "The laboratory that made it"},
	[CALIBRATED] = {.key = "calibrated", .text = "Date of the calibration (YYYY-MM-DD)", .kind = ANSWER_DATE},
	[DUE] = {.key = "due", .text = "Valid through (YYYY-MM-DD)", .kind = ANSWER_DATE},
	[FORCE_U] = {.key = "force_u_rel",
		     .text = "Standard uncertainty of the sensitivity, relative: the certificate's U divided by its k",
		     .kind = ANSWER_NUMBER,
		     .lo = 1e-6,
		     .hi = 0.2},
	[FORCE_RANGE] = {.key = "force_range_n",
			 .text = "Forces that were calibrated, N (two numbers)",
			 .kind = ANSWER_PAIR,
			 .lo = -1000,
			 .hi = 1000},
	[PRELOAD] = {.key = "preload_n",
		     .text = "Window of the phantom's seating force, N (two numbers)",
		     .kind = ANSWER_PAIR,
		     .lo = -1000,
		     .hi = 1000},
	[CLOCK] = {.key = "clock_ppm",
		   .text = "Specification of the sensor's sample clock, +- ppm",
		   .fallback = "50",
		   .kind = ANSWER_NUMBER,
		   .lo = 1e-3,
		   .hi = 1e4},
	[TARE_FREE] = {.key = "tare_free",
		       .text = "How it is known that no needle touches the phantom while the pen is off (without it no "
			       "depth by "
			       "force is trusted)",
		       .fallback = ""},
	[CELL] = {.key = "cell_hz",
		  .text = "Natural frequency of the load cell, mounted, Hz",
		  .fallback = "",
		  .kind = ANSWER_NUMBER,
		  .lo = 100,
		  .hi = 1e6},
	[DAMPING] = {.key = "cell_damping",
		     .text = "Its damping ratio",
		     .fallback = "",
		     .kind = ANSWER_NUMBER,
		     .lo = 1e-4,
		     .hi = 1},
	[PHANTOM] = {.key = "phantom", .text = "File of the phantom in the clamp"},
	[POSITION] = {.key = "position", .text = "The spot under the needles", .fallback = "A1"},
	[STROKES] = {.key = "strokes_used",
		     .text = "Strokes made there so far",
		     .fallback = "0",
		     .kind = ANSWER_NUMBER,
		     .lo = 0,
		     .hi = 1e15},
};

/* Two devices are chosen among those that are plugged in. */
struct chosen {
	char link[LINK_NAME_MAX + 8];
	char serial[64];
	const struct driver *driver;
};

struct making {
	const struct cli_tables *tables;
	struct questions questions;
	struct plugged_list plugged;
	struct chosen pen, sensor;
	char answer[ASKED][ANSWER_MAX];
	char path[FILE_PATH_MAX], draft[FILE_PATH_MAX + 8];
};

/* ---- devices ------------------------------------------------------------------------------------------------------ */

/* One that is asked for itself: a pen made of parts, or a program, needs more than a link, and is written by hand. */
static bool offers(const struct driver *driver, enum device_role role)
{
	return driver && driver_serves(driver, role) && !driver->powered && !driver->described && !driver->profiles;
}

static void take(const struct plugged *p, enum device_role role, struct chosen *ret)
{
	plugged_link(p, role, ret->link, sizeof(ret->link));
	snprintf(ret->serial, sizeof(ret->serial), "%s", p->id.serial);
	ret->driver = p->driver;
}

/* A link that nothing stands for now: the driver that has the role, and this kind of link. */
static int take_link(const struct making *m, enum device_role role, const char *link, struct chosen *ret,
		     struct err *err)
{
	char shown[LINK_NAME_MAX + 8];
	bool serial = strncmp(link, "serial:", 7) == 0;

	for (unsigned i = 0; i < m->plugged.count; i++) {
		plugged_link(&m->plugged.device[i], role, shown, sizeof(shown));
		if (!offers(m->plugged.device[i].driver, role) ||
		    (strcmp(link, m->plugged.device[i].id.uri) != 0 && strcmp(link, shown) != 0))
			continue;
		take(&m->plugged.device[i], role, ret);
		return 0;
	}
	for (unsigned i = 0; m->tables->drivers[i] && !ret->driver; i++) {
		const struct link_wants *wants = &m->tables->drivers[i]->wants;
		if (offers(m->tables->drivers[i], role) && (serial ? wants->serial.baud != 0 : wants->usb_class != 0))
			ret->driver = m->tables->drivers[i];
	}
	snprintf(ret->link, sizeof(ret->link), "%.*s", LINK_NAME_MAX, link);
	return ret->driver && strchr(link, ':') && strlen(link) < LINK_NAME_MAX
		       ? 0
		       : err_set(err, -EINVAL, "\"%s\" is neither a number of the list nor a link; see `penrig list`",
				 link);
}

static int take_number(const struct making *m, enum device_role role, long wanted, struct chosen *ret, struct err *err)
{
	long n = 0;

	for (unsigned i = 0; i < m->plugged.count; i++)
		if (offers(m->plugged.device[i].driver, role) && *m->plugged.device[i].id.uri && ++n == wanted) {
			take(&m->plugged.device[i], role, ret);
			return 0;
		}
	return err_set(err, -EINVAL, "there is no number %ld in the list", wanted);
}

static unsigned show_devices(const struct making *m, enum device_role role)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->plugged.count; i++) {
		const struct plugged *p = &m->plugged.device[i];
		if (!offers(p->driver, role) || !*p->id.uri)
			continue;
		n++;
		if (!m->questions.shown)
			continue;
		printf("  %u  ", n);
		print_clean(stdout, p->id.uri);
		printf("  %s ", p->driver->name);
		print_clean(stdout, p->id.product);
		putchar('\n');
	}
	return n;
}

static int choose_once(const struct making *m, const struct question *question, enum device_role role,
		       struct chosen *ret, struct err *err)
{
	char answer[ANSWER_MAX], *end;
	int status = question_ask(&m->questions, question, answer, err);

	if (status)
		return status == -EINVAL ? -ENODATA : status; /* it was asked again there */
	long number = strtol(answer, &end, 10);
	*ret = (struct chosen){.driver = NULL};
	status = *end ? take_link(m, role, answer, ret, err) : take_number(m, role, number, ret, err);
	if (status)
		err_prefix(err, "%s", question->key);
	return status;
}

static int choose(const struct making *m, const char *key, enum device_role role, struct chosen *ret, struct err *err)
{
	bool again = m->questions.shown && !question_given(&m->questions, key);
	unsigned n = show_devices(m, role);
	char text[120];
	int status;

	snprintf(text, sizeof(text), "The %s: %sa link, as `penrig list` prints it", role_row(role)->label,
		 n ? "a number of these, or " : "none is plugged in; ");
	const struct question question = {.key = key, .text = text, .fallback = n == 1 ? "1" : NULL};
	while ((status = choose_once(m, &question, role, ret, err)) == -EINVAL && again)
		printf("  %s\n", err->text);
	return status == -ENODATA ? -EINVAL : status;
}

/* ---- asking ------------------------------------------------------------------------------------------------------- */

/* The cell's damping belongs to its frequency. */
static bool is_asked(const struct making *m, enum asked i)
{
	return i != DAMPING || m->answer[CELL][0];
}

static int ask_all(struct making *m, enum asked from, enum asked to, struct err *err)
{
	int status = 0;

	for (enum asked i = from; i <= to && !status; i++) {
		struct question question = questions[i];
		if (i == DAMPING)
			question.fallback = NULL;
		if (is_asked(m, i))
			status = question_ask(&m->questions, &question, m->answer[i], err);
	}
	return status;
}

static int ask(struct making *m, struct err *err)
{
	static const char *const others[] = {"pen", "sensor", NULL};
	int status = questions_check(&m->questions, questions, others, err);

	if (!status)
		status = ask_all(m, NAME, AMBIENT, err);
	if (!status)
		status = choose(m, "pen", ROLE_PEN, &m->pen, err);
	if (!status)
		status = ask_all(m, PEN_RATE, PEN_DEPTH, err);
	if (!status)
		status = choose(m, "sensor", ROLE_LOAD_SENSOR, &m->sensor, err);
	if (!status)
		status = ask_all(m, SAMPLE_RATE, STROKES, err);
	return status;
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static void put_text(struct json_out *out, const char *key, const struct making *m, enum asked i)
{
	if (m->answer[i][0])
		json_out_string(out, key, m->answer[i]);
}

static void put_number(struct json_out *out, const char *key, const struct making *m, enum asked i)
{
	double value[2];

	answer_numbers(m->answer[i], value);
	if (m->answer[i][0])
		json_out_number(out, key, value[0], 17);
}

static void put_pair(struct json_out *out, const char *key, const struct making *m, enum asked i)
{
	struct json_out *pair = json_out_add_array(out, key);
	double value[2];

	answer_numbers(m->answer[i], value);
	json_out_number(pair, NULL, value[0], 17);
	json_out_number(pair, NULL, value[1], 17);
}

static void put_link(struct json_out *out, const struct chosen *chosen)
{
	json_out_string(out, "driver", chosen->driver->name);
	json_out_string(out, "link", chosen->link);
	if (strncmp(chosen->link, "serial:", 7) == 0)
		json_out_int(out, "baud", chosen->driver->wants.serial.baud);
}

static void put_sensor(struct json_out *out, const struct making *m)
{
	struct json_out *part;

	put_link(out, &m->sensor);
	put_number(out, "sample_rate_hz", m, SAMPLE_RATE);
	part = json_out_add_object(out, "calibration");
	put_text(part, "certificate", m, CERTIFICATE);
	put_text(part, "laboratory", m, LABORATORY);
	put_text(part, "date", m, CALIBRATED);
	put_text(part, "due", m, DUE);
	part = json_out_add_object(out, "force");
	put_number(part, "u_rel", m, FORCE_U);
	put_pair(part, "range_n", m, FORCE_RANGE);
	if (m->answer[CELL][0]) {
		part = json_out_add_object(out, "cell");
		put_number(part, "natural_frequency_hz", m, CELL);
		put_number(part, "damping", m, DAMPING);
	}
	put_pair(out, "preload_n", m, PRELOAD);
	put_text(out, "tare_free", m, TARE_FREE);
	put_number(out, "clock_ppm", m, CLOCK);
}

/* As it counts from the folder of the bench file: whole where it does not stand below that. */
static int put_phantom(struct json_out *out, const struct making *m, struct err *err)
{
	char *whole = realpath(m->answer[PHANTOM], NULL), *folder;
	char home[FILE_PATH_MAX];
	const char *slash = strrchr(m->path, '/');

	if (!whole)
		return err_set(err, -EINVAL, "phantom: cannot read %s: %s", m->answer[PHANTOM], strerror(errno));
	snprintf(home, sizeof(home), "%.*s", slash ? (int)(slash - m->path) + 1 : 1, slash ? m->path : ".");
	folder = realpath(home, NULL);
	size_t len = folder ? strlen(folder) : 0;
	bool below = folder && strncmp(whole, folder, len) == 0 && whole[len] == '/';
	json_out_string(out, "file", below ? whole + len + 1 : whole);
	put_text(out, "position", m, POSITION);
	put_number(out, "strokes_used", m, STROKES);
	free(folder);
	free(whole);
	return 0;
}

static int make_text(const struct making *m, char **ret, struct err *err)
{
	struct json_out *root = json_out_object(), *pen;
	int status;

	json_out_string(root, "kind", "penrig/bench/1");
	put_text(root, "name", m, NAME);
	put_text(root, "site", m, SITE);
	put_number(root, "mains_hz", m, MAINS);
	put_pair(root, "ambient_c", m, AMBIENT);
	pen = json_out_add_object(root, "pen");
	put_link(pen, &m->pen);
	put_pair(pen, "rate_hz", m, PEN_RATE);
	put_pair(pen, "depth_mm", m, PEN_DEPTH);
	put_sensor(json_out_add_object(root, "sensor"), m);
	status = put_phantom(json_out_add_object(json_out_add_array(root, "phantoms"), NULL), m, err);
	if (status == 0)
		status = json_out_print(root, true, ret, err);
	json_out_free(root);
	return status;
}

static int write_draft(const struct making *m, const char *text, struct err *err)
{
	int fd = open(m->draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (!file)
		return err_set(err, -errno, "cannot write %s: %s", m->draft, strerror(errno));
	fprintf(file, "%s\n", text);
	int status = fclose(file) ? -errno : disk_sync_file(m->draft);
	return status ? err_set(err, status, "cannot write %s: %s", m->draft, strerror(-status)) : 0;
}

/* What `check` would say of it, before it has its name. */
static int read_back(const struct making *m, struct err *err)
{
	struct bench *bench = NULL;
	int status = bench_read(m->draft, &bench, err);

	if (!status)
		status = bench_check_drivers(bench, m->tables->drivers, err);
	bench_free(bench);
	return status;
}

static int make(const struct making *m, struct err *err)
{
	char *text = NULL;
	int status = make_text(m, &text, err);

	if (!status)
		status = write_draft(m, text, err);
	free(text);
	if (status)
		return status;
	status = read_back(m, err);
	if (!status && link(m->draft, m->path)) /* unlike a rename, never over another file */
		status = err_set(err, -errno, "cannot write %s: %s", m->path, strerror(errno));
	unlink(m->draft);
	return status;
}

/* ---- the command -------------------------------------------------------------------------------------------------- */

static int descriptor_of(const char *text, int *ret, struct err *err)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*end || end == text || n < 0 || n > 65535 || fcntl((int)n, F_GETFD) < 0)
		return err_set(err, -EINVAL, "--answer-fd %s: must be the number of an open descriptor, for example 3",
			       text);
	*ret = (int)n;
	return 0;
}

static int begin(struct making *m, const struct bench_options *o, const char *path, struct err *err)
{
	m->questions = (struct questions){.given = &o->set, .fd = -1};
	if (strlen(path) >= sizeof(m->path))
		return err_set(err, -EINVAL, "the path has more than %zu bytes", sizeof(m->path) - 1);
	snprintf(m->path, sizeof(m->path), "%s", path);
	snprintf(m->draft, sizeof(m->draft), "%s.draft", path);
	if (access(path, F_OK) == 0)
		return err_set(err, -EINVAL, "%s is there already: give another name, or move it away", path);
	if (o->answer_fd)
		return descriptor_of(o->answer_fd, &m->questions.fd, err);
	if (isatty(STDIN_FILENO)) {
		m->questions.fd = STDIN_FILENO;
		m->questions.shown = true;
	}
	return 0;
}

static int bench_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	struct making *m = calloc(1, sizeof(*m));
	struct err err = {""};

	if (!m)
		return cli_error(EXIT_INTERNAL, "out of memory");
	m->tables = tables;
	int status = strcmp(operands[0], "new") != 0 || count != 2
			     ? err_set(&err, -EINVAL, "`penrig bench` is followed by new FILE")
			     : begin(m, options, operands[1], &err);
	int code = status ? EXIT_PASS : plugged_find(tables, &m->plugged);
	if (!status)
		status = ask(m, &err);
	if (!status)
		status = make(m, &err);
	if (status) {
		code = cli_error(status == -EINVAL ? EXIT_USAGE : cli_exit_code(status), "%s", err.text);
	} else {
		printf("%s is written. What is plugged in is not needed for the next step, and is for the one behind "
		       "it:\n"
		       "  penrig check PLAN --bench %s\n  penrig doctor %s\n",
		       m->path, m->path, m->path);
	}
	free(m);
	return code;
}

const struct command command_bench = {
	.name = "bench",
	.operands = "new FILE",
	.operands_min = 1,
	.operands_max = 2,
	.summary = "Make a bench file by answering questions about what is plugged in",
	.description =
		"new: looks at what is plugged in, asks for the pen and the load sensor among it, and for what "
		"nameplates and "
		"certificates say, and writes FILE, which `penrig check` accepts. A file that is there already is "
		"never "
		"written over. Opens no device. Uncertainties that it does not ask for have wide defaults, which "
		"`penrig "
		"check` lists; what else a bench may have is in docs/files.md.\n\n"
		"Answers come from --set, from --answer-fd, or from the terminal; without any of them a question's "
		"default "
		"counts. The questions' keys: name, site, mains_hz, ambient_c, pen, pen_rate_hz, pen_depth_mm, sensor, "
		"sample_rate_hz, certificate, laboratory, calibrated, due, force_u_rel, force_range_n, preload_n, "
		"clock_ppm, "
		"tare_free, cell_hz, cell_damping, phantom, position, strokes_used. pen and sensor: a number of the "
		"list that "
		"is shown, or a link.\n\n"
		"Exit code: 0; 2 an answer is missing or wrong, or FILE is there already; 4 what is plugged in could "
		"not be "
		"listed; 6 FILE could not be written.",
	.example = "  penrig bench new my-bench.json\n"
		   "  penrig bench new my-bench.json --set pen=usb:1209:0001:{dut} --set 'ambient_c=20 26' --set ...\n",
	.options = bench_table,
	.options_size = sizeof(struct bench_options),
	.run = bench_run,
};
