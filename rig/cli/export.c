/* `penrig export`: what a run file holds, for other programs. Reads only. */
#include <errno.h>
#include <string.h>

#include "rig/cli/kit/command.h"
#include "rig/cli/kit/naming.h"
#include "rig/offline/export.h"
#include "rig/offline/reopen.h"

struct export_options {
	int format;
	const char *output;
};

static const char *const format_words[] = {"csv", "npy", "hdf5", "wav", NULL};

static const struct cli_option export_table_of_options[] = {
	{.name = "format",
	 .letter = 'f',
	 .kind = OPTION_WORD,
	 .arg = "FORMAT",
	 .offset = offsetof(struct export_options, format),
	 .words = format_words,
	 .help = "csv (default), npy, hdf5 or wav."},
	{.name = "output",
	 .letter = 'o',
	 .kind = OPTION_TEXT,
	 .arg = "STEM",
	 .offset = offsetof(struct export_options, output),
	 .help = "Folder and beginning of the names, without extension. Default: as the run file."},
	{.name = NULL},
};

static const struct export_format *find_format(const char *id)
{
	for (unsigned i = 0; export_table_of_formats[i]; i++)
		if (strcmp(export_table_of_formats[i]->id, id) == 0)
			return export_table_of_formats[i];
	return NULL;
}

/* The folder that --output names, with the parents it lacks. */
static int make_folder_of(const char *stem, struct err *err)
{
	char folder[FILE_PATH_MAX];
	const char *slash = strrchr(stem, '/');

	if (!slash || slash == stem)
		return 0;
	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - stem), stem);
	return name_folder(folder, err);
}

static int export_command(const struct cli_tables *tables, const void *options, const char *const *operands,
			  unsigned count)
{
	const struct export_options *o = options;
	const struct export_format *format = find_format(format_words[o->format]);
	struct runfile_reader *reader = NULL;
	struct record *record = NULL;
	struct err err = {0};
	char stem[FILE_PATH_MAX - 64];
	int rc;

	(void)tables, (void)count;
	if (!format || format->missing)
		return cli_error(
			EXIT_USAGE,
			"--format %s: this penrig was built without it; install %s and build again, or use npy",
			format_words[o->format], format ? format->missing : "it");
	if (o->output)
		rc = snprintf(stem, sizeof(stem), "%s", o->output) < (int)sizeof(stem) ? 0 : -ENAMETOOLONG;
	else
		rc = name_beside(operands[0], "", stem, sizeof(stem));
	if (rc < 0)
		return cli_error(EXIT_USAGE, "the name of the output is too long: give --output");
	if (make_folder_of(stem, &err) < 0)
		return cli_error(EXIT_STORAGE, "%s", err.text);
	rc = reopen_sound(operands[0], &reader, &record, &err);
	if (rc == 0)
		rc = runfile_verify_begin(reader, &err);
	if (rc < 0) {
		runfile_reader_free(reader);
		record_free(record);
		return cli_error(cli_exit_code(rc), "%s; nothing is exported", err.text);
	}
	rc = export_run(reader, record, format, stem, &err);
	if (rc == 0 && (rc = runfile_verify_end(reader, &err)) < 0)
		(void)cli_error(EXIT_STORAGE, "what was written as %s holds samples that are not as they were recorded",
				stem);
	runfile_reader_free(reader);
	record_free(record);
	return rc < 0 ? cli_error(EXIT_STORAGE, "%s", err.text) : EXIT_PASS;
}

const struct command command_export = {
	.name = "export",
	.operands = "RUNFILE",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Write a run's samples, strokes and telemetry for other programs",
	.description =
		"csv: STEM.stream0.csv, STEM.stream1.csv ... (samples in physical units, with index and time), "
		"STEM.strokes.csv, STEM.telemetry.csv; units stand in the header.\n\n"
		"npy: the same tables as structured NumPy arrays.\n\n"
		"hdf5: STEM.h5, a group per table, a dataset per column with its unit in the attribute \"units\".\n\n"
		"wav: STEM.streamN.wav, integer PCM as the sensor sent it (16, 24 or 32 bits); gaps are filled with "
		"the last frame and counted. Strokes and telemetry as csv.\n\n"
		"Beside samples in csv, npy and wav stands a JSON file, STEM.streamN.FORMAT.json: their rate, and of "
		"each channel unit, bits, scale and offset of its counts (hdf5 has them as attributes). Where it "
		"stands "
		"beside them, penrig import has the sensor's counts again.\n\n"
		"Files that are there already are replaced. The exit code is 0 done, 2 wrong usage, 6 a file could not "
		"be "
		"read or written.",
	.example = "  penrig export RUN.penrig --format hdf5\n  penrig export RUN.penrig -f csv -o /tmp/run\n",
	.options = export_table_of_options,
	.options_size = sizeof(struct export_options),
	.run = export_command,
};
