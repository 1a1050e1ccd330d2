/* The commands: one row each. Adding one: a row here, a function in checkpointctl.h. */
#include "gateway/app/checkpointctl/checkpointctl.h"

const struct ctl_command ctl_commands[] = {
    {"status", "", 0, 0, 0, CTL_TOKEN_NONE, ctl_status, "every part at a glance, and what to do",
     "全部部件状态及处置建议",
     "Shows lanes, buses, checkpoint-matchd with what capture refused by cause, the wanted list, "
     "the journal, the clock and every active alarm with what to do about it. No plates.",
     "显示车道、总线、比对程序（含按原因统计的拒收）、布控名单、日志、时钟，以及所有当前告警和处置"
     "建议。"
     "不显示车牌。"},
    {"lanes", "", 0, 0, 0, CTL_TOKEN_NONE, ctl_lanes, "lanes, booms and open holds",
     "车道、栏杆和未解除的拦截",
     "One row a lane, then one row an open hold. The hold's number is what 'release' needs.",
     "每条车道一行，其后每个未解除的拦截一行。release 命令需要拦截号。"},
    {"hits", "", 0, 0, CTL_LIMIT, CTL_TOKEN_NEEDED, ctl_hits, "the last hits", "最近的命中",
     "The newest hits first, at most 256, those from before a restart among them; older ones stand "
     "in the journal.",
     "按时间倒序显示命中，最多 256 条，包括重启之前的；更早的在日志中。"},
    {"messages", "", 0, 0, 0, CTL_TOKEN_NEEDED, ctl_messages, "messages of headquarters",
     "总部消息",
     "What headquarters' duty officers said to this checkpoint, the newest first, at most 64 since "
     "checkpointd started; each is signed and on record. 'watch' shows them as they come, with "
     "every "
     "other instruction and what became of it.",
     "总部值班员发来的消息，最新在前，自启动以来最多 64 条；均经签名并已记录。watch "
     "实时显示消息及其他指令的处理结果。"},
    {"hit confirm", "HIT", 1, 1, CTL_REASON, CTL_TOKEN_NEEDED, ctl_hit_confirm,
     "say that the vehicle carries the listed plate", "确认车辆悬挂布控车牌",
     "Answers a hit, by the number that 'hits' shows, once you have seen the plate by eye. Needs a "
     "reason, asked for at the terminal. It goes on record and to headquarters, where matching "
     "learns from it; it releases no hold and silences nothing. A second answer stands beside the "
     "first, the later one counts.",
     "目视核对车牌后，按 hits "
     "显示的命中号答复。须填理由（可在终端输入）。答复写入记录并送总部，用于"
     "改进比对；不解除拦截，也不屏蔽以后的告警。可再次答复，两次均保留，以后一次为准。"},
    {"hit misread", "HIT", 1, 1, CTL_REASON | CTL_PLATE, CTL_TOKEN_NEEDED, ctl_hit_misread,
     "say that the vehicle carries another plate", "说明车辆悬挂其他车牌（误读）",
     "As 'hit confirm', for a vehicle that does not carry the listed plate. Give the plate you see "
     "with --plate: matching learns most from that. A hold stays until it is released.",
     "同 hit confirm，用于车辆并非悬挂布控车牌的情形。请用 --plate "
     "填写看到的车牌，对改进比对最有用。"
     "拦截仍须另行解除。"},
    {"watch", "", 0, 0, 0, CTL_TOKEN_IF_ANY, ctl_watch, "follow events as they come",
     "实时显示事件",
     "One line an event until interrupted. Reads and hits are shown only to an officer who is "
     "signed on.",
     "每个事件一行，直到中断。只有已登录的民警能看到读牌和命中。"},
    {"ack", "LANE", 1, 1, CTL_REASON, CTL_TOKEN_NEEDED, ctl_ack, "acknowledge a lane's alert",
     "确认车道告警",
     "Tells the lane that somebody has seen its alert or fault: the siren ends, a fault that is "
     "over "
     "is cleared.",
     "告知车道告警或故障已有人处理：停止警报，清除已恢复的故障。"},
    {"hold", "LANE", 1, 1, CTL_REASON, CTL_TOKEN_NEEDED, ctl_hold, "hold the vehicle at the boom",
     "拦停栏杆前的车辆",
     "Red light, the boom is not raised, until the hold is released. Takes effect at once and is "
     "recorded.",
     "红灯、不抬杆，直到解除拦截。立即生效并记录。"},
    {"release", "HOLD", 1, 1, CTL_REASON | CTL_SECOND | CTL_SECOND_FD, CTL_TOKEN_NEEDED,
     ctl_release, "end a hold, with a reason", "解除拦截（须填理由）",
     "Ends a hold by the number that 'lanes' shows. Needs a reason, asked for at the terminal; "
     "recorded before it takes effect.\n"
     "A hold of priority 1 needs a second officer: the command asks for that officer's number and "
     "password at the terminal, unless --second and --second-fd give them.",
     "按 lanes 显示的拦截号解除拦截。须填理由（可在终端输入），先记录后生效。\n"
     "一级布控须由第二名民警确认：在终端输入其警号和密码，或用 --second 和 --second-fd 给出。"},
    {"raise", "LANE", 1, 1, CTL_REASON | CTL_EMERGENCY, CTL_TOKEN_NEEDED, ctl_raise,
     "raise the boom", "抬杆",
     "Refused while a hold is active. With --emergency the boom is raised whatever else is gone "
     "(list, headquarters, journal); local control and the emergency stop still stand above it.\n"
     "Nobody lowers a boom from here.",
     "有拦截时拒绝。--emergency 在名单、总部、日志均不可用时仍可抬杆，但不越过本地控制和急停。\n"
     "此命令不能落杆。"},
    {"stop", "LANE", 1, 1, CTL_REASON, CTL_TOKEN_NEEDED, ctl_stop, "stop the boom at once",
     "立即停止栏杆", "Stops a moving boom; 'raise' ends the stop.",
     "停止运动中的栏杆；抬杆后结束停止状态。"},
    {"inspected", "LANE", 1, 1, CTL_REASON, CTL_TOKEN_NEEDED, ctl_inspected,
     "say that the vehicle at the boom was inspected", "登记栏杆前车辆检查完毕",
     "Ends the inspection that 'lanes' shows as due. The boom opens then if the vehicle is cleared "
     "otherwise. Needs a reason, asked for at the terminal.",
     "结束 lanes 显示的待检查状态；车辆其他条件均满足时随即抬杆。须填理由（可在终端输入）。"},
    {"convoy", "LANE...", 1, CTL_LANES_MAX, CTL_REASON | CTL_MINUTES, CTL_TOKEN_NEEDED, ctl_convoy,
     "open lanes for a convoy, two hours at most", "车队放行（最长两小时）",
     "Keeps the booms of these lanes up for everybody for --minutes, which must be given; recorded "
     "before it takes effect. Hits are still recorded and alarmed, nobody is held. Needs a "
     "reason, asked for at the terminal.\n"
     "It ends by time, by 'convoy end', by a hold or stop, and by whatever makes the lane unsafe. "
     "Its end lowers nothing; a restart ends it too.",
     "在 --minutes（必填）时间内对所有车辆保持抬杆，先记录后生效。命中照常记录并告警，但不拦停。"
     "须填理由（可在终端输入）。\n"
     "到时、convoy "
     "end、拦停或停止、以及车道出现不安全情况时结束；结束时不落杆。程序重启也会结束。"},
    {"convoy end", "LANE", 1, 1, CTL_REASON, CTL_TOKEN_NEEDED, ctl_convoy_end,
     "end a lane's convoy", "结束车队放行",
     "Ends it before its time; lowers nothing. Needs a reason, asked for at the terminal.",
     "提前结束车队放行，不落杆。须填理由（可在终端输入）。"},
    {"service out", "LANE", 1, 1, CTL_REASON, CTL_TOKEN_NEEDED, ctl_service_out,
     "take a lane out of service", "停用车道",
     "Red light, nothing automatic any more, until 'service in', also over a restart. Holds stay "
     "open; 'stop' and 'raise --emergency' work. Needs a reason, asked for at the terminal.",
     "红灯，停止一切自动动作，直到 service in（重启后仍停用）。拦截保留；stop 和 raise "
     "--emergency 仍可用。须填理由（可在终端输入）。"},
    {"service in", "LANE", 1, 1, CTL_REASON, CTL_TOKEN_NEEDED, ctl_service_in,
     "put a lane back in service", "启用车道",
     "Nothing of before counts: the vehicle at the boom must be confirmed by eye, nothing is "
     "lowered until the boom was raised and seen open. Needs a reason, asked for at the terminal.",
     "此前状态一律不作数：栏杆前车辆须人工确认；未抬杆并确认到位前不落杆。须填理由（可在终端输入）"
     "。"},
    {"check", "PLATE", 1, 1, CTL_REASON, CTL_TOKEN_NEEDED, ctl_check,
     "look a plate up, with a reason", "查询车牌（须填理由）",
     "Looks the plate up in the wanted list as if it had been read now. Every search is recorded "
     "with officer and reason; the reason is asked for at the terminal.",
     "按即时读牌方式在布控名单中查询。每次查询均记录民警和理由；理由可在终端输入。"},
    {"reload", "", 0, 0, 0, CTL_TOKEN_IF_ANY, ctl_reload, "read the rule file again",
     "重新加载规则文件",
     "Checks the rule file with its examples and puts it in force; a bad one is refused with file, "
     "line and reason, the old one stays in force.",
     "检查规则文件及其示例后生效；有误则给出文件、行号和原因并拒绝，原规则继续有效。"},
    {"replay", "FILE.pcap", 1, 1, CTL_CONFIG | CTL_REASON, CTL_TOKEN_NONE, ctl_replay,
     "dry run of a capture file", "试运行抓包文件",
     "Parses a capture file with matchd.yaml's ports and cameras, prints each read and what was "
     "refused, by cause. A dry run: no lane is touched, no alert is given, the running programs do "
     "not hear of it.\n"
     "With --reason (and an officer signed on) each different plate is also looked up, as 'check' "
     "does; each of these searches is recorded.",
     "按 matchd.yaml "
     "的端口和摄像机解析抓包文件，列出每次读牌和按原因统计的拒收。仅为试运行：不触发车道"
     "动作和告警，运行中的程序不受影响。\n"
     "给出 --reason 且已登录时，对每个不同车牌另行查询（同 check），每次查询均记录。"},
    {"doctor", "", 0, 0, CTL_INTERACTIVE | CTL_WAIT | CTL_CONFIG_DIR | CTL_JOURNAL, CTL_TOKEN_NONE,
     ctl_doctor, "every part, what is wrong and what to do", "逐项检查并给出处置建议",
     "One row a part, good or LOOK, with what is wrong and what to do: configurations (with the "
     "rule "
     "file), devices with round trip and watchdog, cameras, checkpoint-matchd, wanted list, "
     "journal, "
     "disk, clock, headquarters, alarms, code tables, Redis, certificate, pictures; where there is "
     "a console, whether it listens, its certificate and the paired tablets.\n"
     "With --interactive each input of each lane is asked to be operated by hand and must be seen "
     "to change; each can be skipped. Best done with the lane out of service.\n"
     "Works without checkpointd too and says what it cannot see then. Exit status 0 when all is "
     "good, 1 when something is to be looked at.",
     "每个部件一行，显示正常或异常、问题所在和处置建议：配置（含规则文件）、设备往返时间和看门狗、"
     "摄像机、"
     "比对程序、布控名单、日志、磁盘、时钟、总部链路、告警、代码表、Redis、证书、图片；设有控制台时"
     "还包括其监听、证书和已配对平板。\n"
     "--interactive 逐个要求手动操作各车道输入并检查变化，可跳过；宜先停用车道。\n"
     "checkpointd 未运行时也可使用，并说明无法检查的部分。全部正常退出状态为 0，有异常为 1。"},
    {"bus scan", "BUS", 1, 1, CTL_FROM | CTL_TO, CTL_TOKEN_IF_ANY, ctl_bus_scan,
     "which units answer on a bus", "扫描总线上应答的站号",
     "Asks each unit from --from to --to for one register, then for one coil; nothing is written. "
     "The lanes of the bus go on: each question goes between two of their scans, so a silent unit "
     "costs a fraction of a second. BUS is a name of 'status'.\n"
     "Names what the configuration knows of each unit and which configured one is silent (exit "
     "status 1).",
     "对 --from 至 --to "
     "的每个站号读取一个寄存器，无应答再读一个线圈；不写入。车道照常运行：每次询问插在两次"
     "扫描之间。BUS 为 status 显示的总线名。\n"
     "列出各站号在配置中的名称，以及已配置但无应答的站号（退出状态 1）。"},
    {"bus read", "BUS UNIT FUNCTION ADDRESS COUNT", 5, 5, CTL_REASON, CTL_TOKEN_NEEDED,
     ctl_bus_read, "read coils or registers", "读取线圈或寄存器",
     "FUNCTION: 1 coils, 2 discrete, 3 holding, 4 input. ADDRESS as on the wire, from 0, decimal "
     "or "
     "0x…; COUNT up to 64, less where the line leaves no room between two scans. On record, since "
     "a "
     "camera's registers show plates.",
     "FUNCTION：1 coils、2 discrete、3 holding、4 input。ADDRESS 为线上地址（从 0 起），十进制或 "
     "0x…；COUNT "
     "最多 64，线路繁忙时更少。读取会记录，因摄像机寄存器含车牌。"},
    {"bus write", "BUS UNIT coil|register ADDRESS VALUE", 5, 5, CTL_REASON, CTL_TOKEN_IF_ANY,
     ctl_bus_write, "write one coil or register, out of service only",
     "写一个线圈或寄存器（仅停用时）",
     "Only while every lane of the bus is out of service ('service out'). Needs a reason, asked "
     "for "
     "at the terminal; on record before it is sent. A coil takes 0, 1, on or off.\n"
     "It passes by every guard. Therefore what raises or lowers a boom is refused, and on a module "
     "that carries a boom every address that its profile does not name.",
     "仅在该总线所有车道均已停用（service "
     "out）时可用。须填理由（可在终端输入），先记录后写入。线圈值为 0、1、"
     "on 或 off。\n"
     "写入绕过全部保护，因此拒绝写入抬杆、落杆地址；在驱动栏杆的模块上，只能写其配置文件列出的地址"
     "。"},
    {"barrier test", "LANE", 1, 1, CTL_REASON, CTL_TOKEN_NEEDED, ctl_barrier_test,
     "the guided test of a barrier", "栏杆引导测试",
     "For a technician beside the barrier, the lane out of service. Measures travel up and down, "
     "the raise pulse as read back, auto-close, and shows with a test body that the barrier's own "
     "hardware stops a closing boom. The gateway raises; it never lowers: you do, with the "
     "barrier's "
     "own key.\n"
     "The result is on record; that of the interlock goes into guided-tests.yaml, without which "
     "(12 months) nothing is lowered automatically. It counts only when the inputs showed the test "
     "body and not the lower limit. Every step can be skipped. Ctrl-C stops the boom. Whatever "
     "ends the test, the lane stays out of service until 'service in'.",
     "供技术人员在栏杆旁使用，车道须已停用。测量抬杆和落杆用时、抬杆脉冲（回读）、自动落杆，并用测"
     "试物验证栏杆"
     "自身硬件能停止落杆。程序只抬杆，绝不落杆：由您用栏杆自带钥匙落杆。\n"
     "结果写入记录；联锁结果写入 guided-tests.yaml，12 "
     "个月内无有效结果则不自动落杆。仅当输入显示触及测试物"
     "且未到下限位时才算通过。各步骤可跳过。Ctrl-C 停止栏杆。无论如何结束，车道保持停用，直到 "
     "service in。"},
    {"camera test", "CAMERA", 1, 1, CTL_WAIT, CTL_TOKEN_NEEDED, ctl_camera_test,
     "trigger a camera and wait for its read", "触发摄像机并等待读牌",
     "Triggers the camera where it has a trigger, then waits for a read of it to come the whole "
     "way "
     "through checkpoint-matchd; says when the camera was last heard and how far its clock is off. "
     "CAMERA is its number, on a wire or on the camera network; hold a plate into its view where "
     "it "
     "has no trigger. Exit status 1 when no read came.",
     "有触发功能的摄像机先触发，然后等待其读牌经比对程序完整返回；显示心跳和时钟偏差。CAMERA "
     "为摄像机编号（有线"
     "或网络）；无触发时请将车牌置于视野内。未收到读牌时退出状态为 1。"},
    {"journal set-aside", "", 0, 0, CTL_REASON, CTL_TOKEN_IF_ANY, ctl_journal_set_aside,
     "begin a new journal at the next start", "下次启动时启用新日志",
     "For a box that was put back to an earlier state, or whose journal another box went on with: "
     "headquarters then holds other records under its numbers and keeps it in quarantine "
     "(UPLINK_SET_ASIDE). Restart checkpointd after it. The old files stay beside the new one "
     "(journal.sqlite.damaged-TIME), open holds are taken over and alarmed, and headquarters "
     "accepts the new chain. For leaders and administrators; needs a reason, asked for at the "
     "terminal.",
     "用于本机被恢复到较早状态、或日志被另一台设备续写的情形：总部在相同序号下存有不同记录，因而隔"
     "离"
     "本站记录链（UPLINK_SET_ASIDE）。执行后请重启 "
     "checkpointd。旧文件保留（journal.sqlite.damaged-"
     "时间），未解除的拦截由新日志接管并告警，总部随后"
     "接受新链。仅限带班领导或管理员；须填理由（可在终端输入）。"},
    {"audit verify", "", 0, 0, CTL_JOURNAL | CTL_RECEIPT | CTL_SEAL | CTL_KEYSET | CTL_ROOTS,
     CTL_TOKEN_NONE, ctl_audit_verify, "verify the journal's chain", "校验日志记录链",
     "Reads the whole journal, read-only, with checkpointd running or not, and finds any record "
     "that "
     "was changed, removed or put elsewhere. A tail that was cut off shows only against an anchor "
     "from outside; the answer says which one was used and how far it reaches. Exit status 1 and "
     "the "
     "record's number on a fault.\n"
     "Needs the right to read the journal's folder: root or checkpointd's user.",
     "只读方式读取整个日志（checkpointd "
     "运行与否均可），发现任何被修改、删除或调换的记录。尾部截断只能对照"
     "外部锚点发现；结果说明所用锚点及其覆盖范围。发现问题时退出状态为 1 并给出记录号。\n"
     "需要日志目录读取权限：root 或 checkpointd 用户。"},
    {"audit seal", "", 0, 0, CTL_JOURNAL, CTL_TOKEN_NONE, ctl_audit_seal,
     "export the last seal as an anchor", "导出最近封签作为锚点",
     "Prints where the chain stood at its last seal, one JSON object. Kept elsewhere, it shows "
     "later "
     "whether anything up to there was cut off: audit verify --seal FILE.",
     "以 JSON 输出最近封签时的链位置。另行保存后，可用 audit verify --seal 文件 "
     "检查其前的记录是否被截断。"},
    {"metrics", "", 0, 0, 0, CTL_TOKEN_NONE, ctl_metrics, "numbers for a monitoring system",
     "监控指标", "Prometheus text format; with --json as checkpointd gives them. No plates.",
     "Prometheus 文本格式；--json 为 checkpointd 原始数据。不含车牌。"},
    {"login", "[OFFICER]", 0, 1, CTL_PASSWORD_FD, CTL_TOKEN_NONE, ctl_login,
     "sign on as an officer", "民警登录",
     "Asks for number and password or PIN at the terminal. The token lasts one shift, two hours "
     "without use, and lies, readable "
     "by "
     "you alone, in $XDG_RUNTIME_DIR/checkpoint/token. Three wrong passwords make the next try "
     "wait, longer each time; ten lock the officer here for 15 minutes.",
     "在终端输入警号和密码（或 PIN）。令牌有效期为一个班次，保存在 "
     "$XDG_RUNTIME_DIR/checkpoint/token，仅本人可读。"
     "两小时未使用即失效。密码错误三次后须等待，且逐次延长；十次后在此处锁定 15 分钟。"},
    {"logout", "", 0, 0, 0, CTL_TOKEN_IF_ANY, ctl_logout, "sign off everywhere", "退出全部登录",
     "Ends every sign-on of the officer and wipes the token's file.",
     "结束该民警的全部登录并清除令牌文件。"},
    {"console init", "HOST...", 1, 8, CTL_CONFIG_DIR, CTL_TOKEN_NONE, ctl_console_init,
     "make the console's certificates", "生成控制台证书",
     "As root. Makes the console's CA once, and a server certificate for the names and addresses "
     "by which tablets call this box, in <config-dir>/console. Run again before it expires (397 "
     "days) or when a name changes; tablets stay paired.",
     "以 root 运行。首次运行时生成控制台 CA，并为平板访问本机所用的名称和地址生成服务器证书，"
     "存于 <config-dir>/console。到期（397 天）前或名称变更时再次运行；已配对的平板不受影响。"},
    {"tablet pair", "NAME [LANE]...", 1, 17, CTL_CONFIG_DIR, CTL_TOKEN_IF_ANY, ctl_tablet_pair,
     "pair a tablet with the console", "将平板与控制台配对",
     "As root. Makes the tablet's key and certificate and prints a code, with which the tablet "
     "fetches them once within 15 minutes, and the password that unlocks them. From the lanes "
     "named here booms may be lowered with it.",
     "以 root 运行。为平板生成密钥和证书，显示配对码（平板须在 15 分钟内领取，仅一次）及解锁密码。"
     "在所列车道可用该平板落杆。"},
    {"officer add", "NUMBER", 1, 1, CTL_ROLE | CTL_NAME | CTL_PASSWORD_FD, CTL_TOKEN_IF_ANY,
     ctl_officer_add, "make an account", "建立账户",
     "NUMBER: the police number, or another name of a-z, 0-9, '.', '_', '-', a letter or digit "
     "first. Asks for a password of at least 8 bytes or a PIN of 6 to 12 digits; a PIN that is "
     "easily guessed is refused. While there is no leader, exactly one thing is allowed, to root "
     "and group checkpoint-admin: the first leader (--role leader).",
     "NUMBER：警号，或由 a-z、0-9、“.”、“_”、“-”组成的其他名称，首位为字母或数字。密码至少 8 "
     "字节，或为 6 至 12 位数字 PIN；过于简单的 PIN 会被拒绝。尚无带班领导时，root 或 "
     "checkpoint-admin 组只能建立首个带班领导（--role leader）。"},
    {"officer disable", "NUMBER", 1, 1, 0, CTL_TOKEN_IF_ANY, ctl_officer_disable,
     "close an account", "停用账户",
     "Ends the account's sign-ons too. The last leader cannot be disabled.",
     "同时结束该账户的登录。最后一名带班领导不能停用。"},
    {"officer passwd", "NUMBER", 1, 1, CTL_PASSWORD_FD, CTL_TOKEN_IF_ANY, ctl_officer_passwd,
     "change a password", "修改密码",
     "Your own, or as a leader or administrator anybody's. At least 8 bytes, or a PIN of 6 to 12 "
     "digits. Ends the account's sign-ons.",
     "本人密码；带班领导和管理员可修改他人密码。至少 8 字节，或 6 至 12 位数字 "
     "PIN。结束该账户的登录。"},
    {"tablet list", "", 0, 0, 0, CTL_TOKEN_IF_ANY, ctl_tablet_list, "the paired tablets",
     "已配对的平板", "Name, lanes it may lower a boom of, paired when and by whom, revoked or not.",
     "名称、可落杆的车道、配对时间和操作人、是否已吊销。"},
    {"tablet revoke", "NAME", 1, 1, 0, CTL_TOKEN_IF_ANY, ctl_tablet_revoke, "revoke a tablet",
     "吊销平板",
     "For a tablet that was lost or is given away. Its certificate counts no more, whoever is "
     "signed on there is signed off at once. For leaders and administrators; recorded.",
     "用于遗失或转交的平板：其证书失效，在其上登录者立即退出。仅限带班领导或管理员；写入记录。"},
};
const size_t ctl_command_count = sizeof(ctl_commands) / sizeof(ctl_commands[0]);
