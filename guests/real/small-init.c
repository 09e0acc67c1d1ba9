/* /init of the guest `small-linux`: says what is there, exercises it, powers off. Static, by the kernel's own nolibc,
 * for rv64 and rv32. Facts are lines that begin with @@. It writes to the disk (4 KiB at 1 MiB) only if the kernel's
 * command line has virtscope=check. */
#include <linux/fs.h>
#include <linux/reboot.h>

enum { PAGE = 4096, DISK_AT = 1 << 20, DIRECT = 040000, NONBLOCK = 04000 };

static unsigned char page[PAGE] __attribute__((aligned(4096)));
static unsigned char pattern[PAGE] __attribute__((aligned(4096)));

/* Reads the first line of a file into `text`; returns its length, or -1 where there is no such file. */
static int first_line(const char *path, char *text, int size)
{
	int file = open(path, O_RDONLY), length = -1;

	if (file >= 0) {
		length = read(file, text, size - 1);
		close(file);
	}
	text[length > 0 ? length : 0] = 0;
	for (char *at = text; *at; at++)
		if (*at == '\n')
			*at = 0;
	return length;
}

static const char *uptime(void)
{
	static char text[64];

	first_line("/proc/uptime", text, sizeof text);
	for (char *at = text; *at; at++)
		if (*at == ' ')
			*at = 0;
	return text;
}

static int has_word(const char *text, const char *word)
{
	for (size_t size = strlen(word); *text; text++)
		if (!strncmp(text, word, size))
			return 1;
	return 0;
}

/* nolibc's lseek is wrong on rv32, where an offset has two registers. */
static long at_disk(long call, int file, void *data, long offset)
{
	return my_syscall6(call, file, data, PAGE, offset, 0, 0);
}

static void show_devices(void)
{
	char path[] = "/sys/bus/virtio/devices/virtio0/device", id[32], status[32];

	for (char digit = '0'; digit < '8'; digit++) {
		path[30] = digit;
		strcpy(path + 32, "device");
		if (first_line(path, id, sizeof id) < 0)
			continue;
		strcpy(path + 32, "status");
		first_line(path, status, sizeof status);
		printf("@@virtio virtio%c id=%s status=%s\n", digit, id, status);
	}
}

static void use_disk(int may_write)
{
	int file = open("/dev/vda", may_write ? O_RDWR : O_RDONLY);
	char sectors[32];

	if (file < 0) {
		printf("@@disk none\n");
		return;
	}
	first_line("/sys/block/vda/size", sectors, sizeof sectors);
	printf("@@disk vda sectors=%s read %d\n", sectors, (int)read(file, page, PAGE));
	if (may_write) {
		for (unsigned i = 0; i < PAGE; i++)
			pattern[i] = (i * 2654435761u) >> 13;
		long written = at_disk(__NR_pwrite64, file, pattern, DISK_AT);
		long flushed = my_syscall1(__NR_fsync, file);
		close(file);
		file = open("/dev/vda", O_RDONLY | DIRECT);
		long got = at_disk(__NR_pread64, file, page, DISK_AT);
		printf("@@disk vda wrote %d flushed %d read %d %s\n", (int)written, (int)flushed, (int)got,
		       memcmp(page, pattern, PAGE) ? "FAILED" : "ok");
	}
	close(file);
}

static void use_entropy(void)
{
	int file = open("/dev/hwrng", O_RDONLY), got = file < 0 ? 0 : read(file, page, 16);

	printf("@@hwrng %d bytes", got);
	for (int i = 0; i < got; i++)
		printf(" %x", page[i]);
	printf("\n");
	close(file);
}

static void use_console(void)
{
	static const char text[] = "hello from hvc0\n";
	int file = open("/dev/hvc0", O_RDWR | NONBLOCK);

	printf("@@hvc0 wrote %d\n", file < 0 ? 0 : (int)write(file, text, sizeof text - 1));
	close(file);
}

static unsigned crc_of_zeros(unsigned count)
{
	unsigned crc = ~0u;

	while (count--)
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (0xedb88320u & -(crc & 1));
	return ~crc;
}

int main(void)
{
	static char line[512];

	mount("proc", "/proc", "proc", 0, 0);
	mount("sysfs", "/sys", "sysfs", 0, 0);
	mount("dev", "/dev", "devtmpfs", 0, 0);
	printf("@@userspace up=%s rv%d\n", uptime(), (int)sizeof(long) * 8);
	first_line("/proc/cmdline", line, sizeof line);
	int check = has_word(line, "virtscope=check");
	if (first_line("/proc/version", line, sizeof line) > 0)
		printf("@@version %s\n", line);
	show_devices();
	use_disk(check);
	use_entropy();
	use_console();
	printf("@@crc32 of 1 MiB of zeros %x\n", crc_of_zeros(1 << 20));
	printf("@@poweroff up=%s\n", uptime());
	reboot(LINUX_REBOOT_CMD_POWER_OFF);
	for (;;)
		;
}
