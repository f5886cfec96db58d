/* A plugin of QEMU (docs/devel/tcg-plugins) that counts the instructions which the machine executes; a halted processor
   executes none. It writes the count to the file `out=` whenever the processor is at its reset vector, and once
   when the file `log=`, which QEMU writes, contains `text=`: at the next output to a port after that.

   QEMU's header is in no package of Debian's: what is used of it stands here. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { QEMU_PLUGIN_CB_NO_REGS = 0, QEMU_PLUGIN_INLINE_ADD_U64 = 0 };
typedef void (*translated_cb)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*executed_cb)(unsigned, void *);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, translated_cb);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, executed_cb, int, void *);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int, void *, uint64_t);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
const unsigned char *qemu_plugin_insn_data(const struct qemu_plugin_insn *);

#define RESET_VECTOR 0xFFFFFFF0u
#define OUT_DX_AL 0xEE
#define OUTSB 0x6E

int qemu_plugin_version = 1;
static uint64_t count;
static FILE *out;
static const char *text, *log_name;
static int log_file = -1;
static size_t matched;

static void note(const char *what) {
    fprintf(out, "%s %" PRIu64 "\n", what, count);
    fflush(out);
}

static void at_reset(unsigned cpu, void *data) { note("reset"); }

static void at_output(unsigned cpu, void *data) {
    char bytes[256];
    ssize_t got;
    if (!text[matched]) return;
    if (log_file < 0 && (log_file = open(log_name, O_RDONLY)) < 0) return;
    while ((got = read(log_file, bytes, sizeof bytes)) > 0)
        for (ssize_t at = 0; at < got; at++) {
            matched = bytes[at] == text[matched] ? matched + 1 : bytes[at] == text[0];
            if (!text[matched]) {
                note("text");
                return;
            }
        }
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
    for (size_t at = 0; at < qemu_plugin_tb_n_insns(block); at++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(block, at);
        unsigned char code = *qemu_plugin_insn_data(insn);
        if (qemu_plugin_insn_vaddr(insn) == RESET_VECTOR)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, at_reset, QEMU_PLUGIN_CB_NO_REGS, NULL);
        if (code == OUT_DX_AL || code == OUTSB)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, at_output, QEMU_PLUGIN_CB_NO_REGS, NULL);
        qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &count, 1);
    }
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv) {
    for (int at = 0; at < argc; at++) {
        if (!strncmp(argv[at], "out=", 4)) out = fopen(argv[at] + 4, "w");
        if (!strncmp(argv[at], "log=", 4)) log_name = strdup(argv[at] + 4);
        if (!strncmp(argv[at], "text=", 5)) text = strdup(argv[at] + 5);
    }
    if (!out || !log_name || !text) return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
