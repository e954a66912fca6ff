/* SPDX-License-Identifier: MIT */
/*
 * A file of sysfs is made anew for whoever reads it from its start, so the descriptors stay open:
 * a daemon that has locked itself in needs no path any more.
 */
#include "device/power.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_BYTES 256 /* the longest line read: a list of some ten frequencies */
#define MC_MAX	   1000000

enum power_file { POWER_CLOCK, POWER_LIMIT, POWER_LOAD, POWER_TEMPERATURE, POWER_FILE_COUNT };

struct power {
	int fds[POWER_FILE_COUNT]; /* -1: not shown */
	uint64_t full_hz;
};

/* ---- texts ---- */

/* Digits, and the end of the text or one of `ends` behind them. */
static int parse_digits(const char *text, const char *ends, uint64_t *ret_value)
{
	char *end;
	unsigned long long value;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || (*end && !strchr(ends, *end)))
		return -EINVAL;
	*ret_value = value;
	return 0;
}

int power_parse_number(const char *text, uint64_t *ret_value)
{
	return parse_digits(text, "\n", ret_value);
}

uint64_t power_parse_largest(const char *text)
{
	uint64_t largest = 0, value;

	for (; *text; text += strcspn(text, " \n"), text += strspn(text, " \n")) {
		if (parse_digits(text, " \n", &value) == 0 && value > largest)
			largest = value;
	}
	return largest;
}

int power_parse_load(const char *text, unsigned *ret_percent)
{
	uint64_t percent;

	if (parse_digits(text, "@%\n", &percent) < 0 || percent > 100)
		return -EINVAL;
	*ret_percent = (unsigned)percent;
	return 0;
}

/* ---- files ---- */

/* False where the file is not there, or says nothing. */
static bool read_fd(int fd, char *ret_text, size_t size)
{
	ssize_t n = fd < 0 ? -1 : pread(fd, ret_text, size - 1, 0);

	if (n <= 0)
		return false;
	ret_text[n] = '\0';
	return true;
}

static int open_below(const char *directory, const char *entry, const char *name)
{
	char path[1024];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s/%s", directory, entry, name) >=
	    sizeof(path))
		return -1;
	return open(path, O_RDONLY | O_CLOEXEC);
}

static bool read_below(const char *directory, const char *entry, const char *name, char *ret_text,
		       size_t size)
{
	int fd = open_below(directory, entry, name);
	bool is_read = read_fd(fd, ret_text, size);

	if (fd >= 0)
		close(fd);
	return is_read;
}

/* Device names end with the name of their device tree node: "fdab0000.npu". */
static bool is_npu_devfreq(const char *directory, const char *entry)
{
	size_t length = strlen(entry);

	(void)directory;
	return length > 4 && strcmp(entry + length - 4, ".npu") == 0;
}

static bool is_npu_zone(const char *directory, const char *entry)
{
	char type[TEXT_BYTES];

	return strncmp(entry, "thermal_zone", 12) == 0 &&
	       read_below(directory, entry, "type", type, sizeof(type)) &&
	       strncmp(type, "npu-thermal", 11) == 0;
}

/* The first entry that is the NPU's, in memory of the caller; false without. */
static bool find_entry(const char *directory, bool (*is_npu)(const char *, const char *),
		       char *ret_entry, size_t size)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	bool is_found = false;

	while (dir && !is_found && (entry = readdir(dir))) {
		is_found = is_npu(directory, entry->d_name);
		if (is_found)
			snprintf(ret_entry, size, "%s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return is_found;
}

static void open_devfreq(struct power *power, const char *sysfs)
{
	char directory[512], entry[256], text[TEXT_BYTES];

	snprintf(directory, sizeof(directory), "%s/class/devfreq", sysfs);
	if (!find_entry(directory, is_npu_devfreq, entry, sizeof(entry)))
		return;
	power->fds[POWER_CLOCK] = open_below(directory, entry, "cur_freq");
	power->fds[POWER_LIMIT] = open_below(directory, entry, "max_freq");
	power->fds[POWER_LOAD] = open_below(directory, entry, "load");
	if (read_below(directory, entry, "available_frequencies", text, sizeof(text)))
		power->full_hz = power_parse_largest(text);
}

static void open_thermal(struct power *power, const char *sysfs)
{
	char directory[512], entry[256];

	snprintf(directory, sizeof(directory), "%s/class/thermal", sysfs);
	if (find_entry(directory, is_npu_zone, entry, sizeof(entry)))
		power->fds[POWER_TEMPERATURE] = open_below(directory, entry, "temp");
}

int power_new(const char *sysfs, struct power **ret_power)
{
	struct power *power = calloc(1, sizeof(*power));
	bool has_any = false;

	if (!power)
		return -ENOMEM;
	for (unsigned i = 0; i < POWER_FILE_COUNT; i++)
		power->fds[i] = -1;
	open_devfreq(power, sysfs);
	open_thermal(power, sysfs);
	for (unsigned i = 0; i < POWER_FILE_COUNT; i++)
		has_any |= power->fds[i] >= 0;
	if (!has_any) {
		power_free(power);
		return -ENOENT;
	}
	*ret_power = power;
	return 0;
}

struct power *power_free(struct power *power)
{
	if (!power)
		return NULL;
	for (unsigned i = 0; i < POWER_FILE_COUNT; i++) {
		if (power->fds[i] >= 0)
			close(power->fds[i]);
	}
	free(power);
	return NULL;
}

static uint64_t read_number(const struct power *power, enum power_file file)
{
	char text[TEXT_BYTES];
	uint64_t value = 0;

	if (read_fd(power->fds[file], text, sizeof(text)))
		(void)power_parse_number(text, &value);
	return value;
}

uint64_t power_read_clock_hz(const struct power *power)
{
	return read_number(power, POWER_CLOCK);
}

uint64_t power_full_hz(const struct power *power)
{
	return power->full_hz;
}

void power_read(const struct power *power, struct power_reading *ret_reading)
{
	struct power_reading reading = {
		.frequency_hz = power_read_clock_hz(power),
		.limit_hz = read_number(power, POWER_LIMIT),
		.full_hz = power->full_hz,
	};
	char text[TEXT_BYTES];
	uint64_t temperature_mc;

	reading.is_throttled = reading.limit_hz && reading.limit_hz < reading.full_hz;
	reading.has_load = read_fd(power->fds[POWER_LOAD], text, sizeof(text)) &&
			   power_parse_load(text, &reading.load_percent) == 0;
	/* What is below zero is not worth a warning to anybody, and not shown. */
	reading.has_temperature = read_fd(power->fds[POWER_TEMPERATURE], text, sizeof(text)) &&
				  power_parse_number(text, &temperature_mc) == 0 &&
				  temperature_mc <= MC_MAX;
	if (reading.has_temperature)
		reading.temperature_mc = (int32_t)temperature_mc;
	*ret_reading = reading;
}
