// Every word the app says itself. Labels, disclosures and the consent sheet's words come from the region's files.

const zh = {
  app: "Isthmus", skip: "跳到输入框", chats: "对话", newChat: "新对话", settings: "设置", back: "返回", close: "关闭",
  home: "先在本机想一想", homeElsewhere: "先由私有云想一想",
  homeHere: "能在本机回答的，就留在本机。", homeTools: "写作工具在本机；聊天由私有云先回答。交给伙伴之前，会先问你。", homeNoModel: "由私有云先回答，因为这个浏览器没有本机模型。交给伙伴之前，会先问你。",
  try1: "把一句话改客气", try1sub: "在本机，离线可用", try1cloud: "私有云，不交给伙伴", try1fill: "把这句改客气点：方案有三个问题，周五前改好。",
  try2: "把长文变成三个要点", try2sub: "粘贴任意文字",
  try3: "问一个本机答不了的", try3sub: "发出之前会先问你", try3fill: "年假没休完，公司能直接作废吗？",
  ask: "问点什么", send: "发送", stop: "停止", plus: "更多输入", paste: "粘贴", file: "打开文本文件", tools: "写作工具", digest: "通知摘要",
  pasteFailed: "浏览器没有允许读取剪贴板，请长按输入框粘贴。",
  verify: "，可能有误，请核实", verifyAlone: "回答可能有误，请核实。",
  device: "本机", private: "私有云", rehearsal: "演练：{partner}的本地替身", deviceUnsure: "本机，可能不准",
  copy: "复制", copied: "已复制", copyLabelled: "已复制，含标识", retry: "重试", more: "更多", edit: "编辑",
  thinkingDevice: "本机在想…", thinking: "{who}在想…", slow: "{who}较慢…", stopped: "已停止", interrupted: "在此中断", goOn: "继续",
  newText: "新内容", answering: "正在回答", answered: "回答完成，{who}", said: "你说", replied: "回答",
  noRule: "没有规则拦住它，可以再试。", askPartner: "改由伙伴回答", copyPlain: "复制，不带标识", whyThis: "为什么由它回答",
  plainTitle: "复制时去掉标识？", plainWhy: "标识告诉别人这段文字由 AI 生成。去掉之后，如果你再传播它，标识的责任由你承担；这次选择会记为一张收据。",
  plainYes: "去掉标识", plainNo: "保留标识",
  declined: "好，由{who}回答", sheetFor: "谁接收", preview: "将发出的文字", leaves: "下面是会发出的全部内容。", show: "看原文", hide: "遮住", masked: "遮住 {n} 处，不交给{partner}", none: "没有发现个人信息，请再看一眼",
  noLaw: "这里没有法律要求单独同意；我们照样先问。", contact: "联系方式",
  draft: "草案，律师尚未签署", why: "为什么由{who}回答", steps: "经过", rules: "依据", receipt: "收据", notices: "告知",
  stepDeviceNone: "这个浏览器里没有模型。", stepDevice: "本机的模型回答了，没有内容离开本机。", stepDeviceTools: "本机的小模型只答写作工具和离线聊天。", stepSkipped: "跳过", stepUsed: "由它回答", stepAllowed: "可以回答，没有用到",
  stepPrivate: "运营方自己的模型，没有交给伙伴。", stepPartner: "你同意了，遮住 {n} 处后发出。", stepPartnerPlain: "你同意了，没有发现要遮住的信息。", stepPartnerRehearsal: "演练：内容没有离开这台服务器。", stepOut: "不能回答：{reason}",
  check: "核对", checking: "正在核对", checked: "账本里有", mismatch: "对不上", noReceipt: "本机回答没有收据。", tokens: "{n} 词元", ms: "{n} 毫秒",
  placeholder: "（演练，尚未填写）", checkNote: "核对：取回收据与这次回答逐项比较，再在本机验算它在账本里的证明。",
  proof: { leaf: "收据的指纹对得上", path: "它是账本 {m} 条里的第 {n} 条", signature: "账本的签名有效", node: "节点总账也签了这一页" },
  proofBroken: "证明不成立", proofRekeyed: "账本换了钥匙", proofUnsupported: "这个浏览器不会验签名", proofLater: "收据对得上；账本还没给这一条签名，过一会儿再核对。",
  proofread: "校对", rewrite: "改写", summary: "摘要", points: "要点", translate: "翻译",
  toolsHint: "粘贴或写下文字", noChange: "没有要改的地方。", place: "第 {i} 处，共 {n} 处", revert: "还原这处", restore: "采用这处", useAll: "全部采用", prev: "上一处", next: "下一处", into: "改为",
  spelling: "错别字", punctuation: "标点", capitalization: "大小写", grammar: "语法",
  formal: "更正式", warm: "更亲切", shorter: "更短", original: "原文", use: "用这个", undo: "撤销", run: "开始", working: "正在处理…", result: "结果", to: "译成",
  showAll: "全部显示", sample: "示例数据", now: "现在", later: "稍后", summarise: "生成摘要", count: "{n} 条", openThem: "展开原文",
  region: "地区", placeTitle: "地区与回答顺序", language: "语言", age: "年龄段", mode: "谁先回答", grants: "谁来回答", noGrants: "还没有同意过任何伙伴。", withdraw: "撤回", withdrawn: "已撤回。之后不再发给{partner}。", until: "到 {date}",
  once: "仅一次", modes: { prefer_on_device: "本机优先", only_on_device: "仅本机", prefer_in_cloud: "伙伴优先", only_in_cloud: "仅伙伴" },
  modeOff: "离线时不可用", modeNoDevice: "本机还没有模型",
  ages: { "": "不说明", under13: "不满 13 岁", "13": "13 岁", "14-15": "14–15 岁", "16-17": "16–17 岁", adult: "成年" },
  localModel: "本机模型", localYes: "浏览器自带，已可用。", localNo: "这个浏览器没有自带模型，也不能保存下载的模型（需要安全连接和新一些的浏览器）。",
  localHere: "已在本机，断网也能用。写作工具先用它；聊天在离线或“仅本机”时用它。小模型可能出错。", localCan: "这个浏览器没有自带模型。可以下载一个小模型，断网也能用。只从这台服务器下载，下载后核对指纹。", localForbidden: "这个地区的规则不允许由本机模型回答。",
  fetch: "下载", fetching: "正在下载模型", fetched: "{here} / {all}", noModels: "这台服务器上还没有模型。运营方可运行 isthmus models pull。",
  modelFailed: { network: "下载中断。再点一次，从中断处继续。", digest: "收到的文件和指纹对不上，已删除。", storage: "存不下，或浏览器不允许保存。", unsupported: "这个浏览器不能运行本机模型。" },
  receipts: "收据", noReceipts: "还没有收据。", complaints: "投诉与更正", complaintText: "对回答、隐私或标识有意见，请联系运营方；附上收据编号即可查明，不必重述内容。",
  key: "密钥", keyTitle: "输入密钥", keyText: "密钥由 isthmus up 打印，以 isk_ 开头。它只存在这台设备上，只发给这台服务器。", keyGo: "进入", keyWrong: "这个密钥不认识。再看一眼终端里打印的那一行。", keyNet: "这台服务器没有回应。先运行 isthmus up。",
  licences: "所用开源软件的许可", erase: "删除全部", eraseText: "删除本机上的对话、同意、模型、设置和密钥，并撤回仍有效的同意。收据只留编号，因法律须保留。", eraseType: "输入“{word}”确认", eraseWord: "删除", eraseDone: "已删除",
  gone: { chats: "{n} 段对话", grants: "{n} 项同意已撤回", kept: "{n} 项同意没能撤回（服务器没有回应）", model: "本机模型（{mb} MB）", settings: "设置、草稿和密钥", cache: "离线缓存" }, startAgain: "重新开始", cancel: "取消", remove: "删除",
  offline: "离线，对话可看，回答要等联网", offlineTools: "离线，写作工具照常可用", install: "可以添加到主屏幕，当作应用使用。",
  e_route: "这里没有可依法回答的模型。可以让本机试试。{law}", e_screen: "这个问题不能处理。换个说法，或看依据。", e_cut: "后面的内容没有通过检查，已停止。",
  e_quota: "今天的额度用完，{time}恢复。本机仍可用。", e_silent: "{partner}没有回应，没有扣费。", e_model: "本机还没有模型，当前设置只许本机回答。可在设置里下载一个，或在顶部换成“本机优先”。",
  e_declined: "没有发出。当前设置只许伙伴回答，可在顶部换成“本机优先”。", e_lost: "在此中断", e_offline: "现在离线，没有发出。联网后重试。", e_key: "密钥不认识或已被撤销。", e_other: "没有完成。", e_age: "法律在这里按年龄区分。请在设置里选年龄段。",
  e_suspended: "暂停服务。", rule: "依据", showRule: "看依据", goSettings: "打开设置",
  kinds: { TELE: "电话", MAIL: "邮箱", IDNO: "身份证", CARD: "卡号", CODE: "信用代码", PASS: "护照", AUTO: "车牌", BORN: "生日", IPNO: "网址", IBAN: "账号", SECR: "密钥", LINK: "链接" } as Record<string, string>, detail: "信息",
  partners: { Doubao: "豆包", Qwen: "通义千问", "ChatGPT (OpenAI)": "ChatGPT", "Private tier": "私有云", "On device": "本机" } as Record<string, string>,
  regions: { CN: "中国大陆", EU: "欧盟", US: "美国", "US-CA": "加州", "US-CO": "科罗拉多州", "US-TX": "得州", "US-UT": "犹他州", "US-WA": "华盛顿州", UK: "英国", DE: "德国", FR: "法国", IT: "意大利", CH: "瑞士", JP: "日本", KR: "韩国", HK: "香港", MO: "澳门", TW: "台湾", SG: "新加坡", VN: "越南", IN: "印度", BR: "巴西" } as Record<string, string>,
  duties: { "CN.route": "只能用已备案的模型", "CN.notice": "公示模型名称和备案号", "CN.label": "回答必须标明由AI生成", "CN.scan": "提问和回答都要检查", "CN.partner_consent": "交给第三方须单独同意", "CN.abroad": "提问不出境", "CN.child": "不满 14 岁须监护人同意", "CN.strikes": "屡次违规会暂停服务", "CN.report": "发现违法内容须上报", "CN.label_terms": "使用条款要说明标识", "CN.logs": "网络日志至少保存六个月", "CN.complaints": "有投诉入口并说明答复时间", "CN.rights": "可以查看、复制、更正和删除", "CN.training": "四步之内可拒绝用于训练", "HOUSE.mask": "交给伙伴之前遮住个人信息", "HOUSE.scan": "提问和回答都要检查", "HOUSE.receipt": "每个回答留一张不含内容的收据" } as Record<string, string>,
  verbs: { disclose: "告知正在与 AI 对话", "label.show": "回答标明由AI生成", "label.embed": "写入机器可读的标识", scan: "提问和回答都要检查", residency: "个人信息出境须有依据", "channel.offer": "提供投诉和行使权利的入口", "consent.require": "须先取得同意", "log.keep": "收据按规定期限保存", "route.forbid": "有的服务不得使用", "route.require": "只能用符合条件的模型", "notice.show": "公示规定的说明", "user.strike": "屡次违规会暂停服务", "optout.offer": "可以拒绝" } as Record<string, string>,
  inForce: "{date} 起", article: "第{n}条", allRules: "其余 {n} 条依据", house: "Isthmus 自己的规则",
};

type Words = typeof zh;

const en: Words = {
  app: "Isthmus", skip: "Skip to the question field", chats: "Chats", newChat: "New chat", settings: "Settings", back: "Back", close: "Close",
  home: "It thinks here first", homeElsewhere: "Your private tier thinks first",
  homeHere: "What this device can answer stays on it.", homeTools: "Writing Tools run on this device. Chats go to the operator’s private tier first; a partner is asked only after you agree.", homeNoModel: "This browser has no model of its own, so the operator’s private tier answers first. A partner is asked only after you agree.",
  try1: "Make a sentence kinder", try1sub: "On device, works offline", try1cloud: "Private tier, no partner", try1fill: "Make this kinder: the plan has three problems, fix it by Friday.",
  try2: "Turn a long text into three points", try2sub: "Paste any text",
  try3: "Ask what the device cannot know", try3sub: "It asks you before anything leaves", try3fill: "Can my employer cancel unused holiday?",
  ask: "Ask anything", send: "Send", stop: "Stop", plus: "More input", paste: "Paste", file: "Open a text file", tools: "Writing Tools", digest: "Notification digest",
  pasteFailed: "The browser did not allow reading the clipboard. Press and hold the field to paste.",
  verify: ". Check important facts.", verifyAlone: "Answers can be wrong. Check important facts.",
  device: "On device", private: "Private tier", rehearsal: "Rehearsal: stand-in for {partner}", deviceUnsure: "On device, may be off",
  copy: "Copy", copied: "Copied", copyLabelled: "Copied with its label", retry: "Retry", more: "More", edit: "Edit",
  thinkingDevice: "Thinking on device…", thinking: "{who} is thinking…", slow: "{who} is slow…", stopped: "Stopped", interrupted: "Interrupted here", goOn: "Continue",
  newText: "New", answering: "Answering", answered: "Answer finished, {who}", said: "You said", replied: "Answer",
  noRule: "No rule stood in the way. You can try again.", askPartner: "Ask a partner instead", copyPlain: "Copy without label", whyThis: "Why this one answered",
  plainTitle: "Copy without the label?", plainWhy: "The label tells others that AI wrote this. Without it, marking the text is up to you if you pass it on. Your choice is kept as a receipt.",
  plainYes: "Leave it out", plainNo: "Keep the label",
  declined: "Fine, the {who} answers", sheetFor: "Who gets it", preview: "What leaves", leaves: "Here is exactly what would be sent.", show: "Show", hide: "Hide", masked: "{n} details masked, not given to {partner}", none: "No personal details found. Please look once more.",
  noLaw: "No law here asks for a separate consent. We ask all the same.", contact: "Contact",
  draft: "Draft, not yet signed by a lawyer", why: "Why {who} answered", steps: "The way here", rules: "Rules", receipt: "Receipt", notices: "Notices",
  stepDeviceNone: "This browser has no model of its own.", stepDevice: "A model on this device answered. Nothing left it.", stepDeviceTools: "The small model here answers Writing Tools and offline chats only.", stepSkipped: "skipped", stepUsed: "answered", stepAllowed: "allowed, not needed",
  stepPrivate: "The operator’s own model. No partner got it.", stepPartner: "You agreed. It went with {n} details masked.", stepPartnerPlain: "You agreed. No details were found that need a mask.", stepPartnerRehearsal: "Rehearsal: nothing left this server.", stepOut: "May not answer: {reason}",
  check: "Check", checking: "Checking", checked: "In the ledger", mismatch: "Does not match", noReceipt: "Answers from the device leave no receipt.", tokens: "{n} tokens", ms: "{n} ms",
  placeholder: "(not stated yet, rehearsal)", checkNote: "Check: compares the receipt with this answer, field by field, and works out on this device the proof that it is in the ledger.",
  proof: { leaf: "The receipt’s fingerprint is right", path: "It is entry {n} of {m} in the ledger", signature: "The ledger’s signature is valid", node: "The node’s log has signed this page too" },
  proofBroken: "The proof does not hold", proofRekeyed: "The ledger’s key has changed", proofUnsupported: "This browser cannot check signatures", proofLater: "The receipt matches. The ledger has not signed this entry yet; check again in a moment.",
  proofread: "Proofread", rewrite: "Rewrite", summary: "Summary", points: "Key points", translate: "Translate",
  toolsHint: "Paste or write a text", noChange: "Nothing to correct.", place: "{i} of {n}", revert: "Undo this one", restore: "Use this one", useAll: "Use all", prev: "Previous", next: "Next", into: "changed to",
  spelling: "Spelling", punctuation: "Punctuation", capitalization: "Capitals", grammar: "Grammar",
  formal: "More formal", warm: "Warmer", shorter: "Shorter", original: "Original", use: "Use this", undo: "Undo", run: "Start", working: "Working…", result: "Result", to: "Into",
  showAll: "Show all", sample: "Sample data", now: "Now", later: "Later", summarise: "Summarise", count: "{n} items", openThem: "Show the originals",
  region: "Region", placeTitle: "Region and who answers", language: "Language", age: "Age band", mode: "Who answers first", grants: "Who answers", noGrants: "You have not agreed to any partner yet.", withdraw: "Withdraw", withdrawn: "Withdrawn. Nothing more goes to {partner}.", until: "until {date}",
  once: "once", modes: { prefer_on_device: "On device first", only_on_device: "Only on device", prefer_in_cloud: "Partner first", only_in_cloud: "Only partners" },
  modeOff: "Not available offline", modeNoDevice: "No model is on this device yet",
  ages: { "": "Not stated", under13: "Under 13", "13": "13", "14-15": "14–15", "16-17": "16–17", adult: "Adult" },
  localModel: "On-device model", localYes: "The browser’s own, ready.", localNo: "This browser has no model of its own and cannot keep one (that takes a secure page and a newer browser).",
  localHere: "On this device, and there without a network. Writing Tools use it first; chats use it offline or with “Only on device”. A small model can be wrong.", localCan: "This browser has no model of its own. You can download a small one that works without a network. It comes from this server only, and its fingerprint is checked.", localForbidden: "This region’s rules do not let a model on the device answer.",
  fetch: "Download", fetching: "Downloading the model", fetched: "{here} of {all}", noModels: "This server has no models yet. Its operator can run isthmus models pull.",
  modelFailed: { network: "The download broke off. Press again and it goes on from there.", digest: "What arrived does not match its fingerprint and was deleted.", storage: "There is no room, or the browser does not allow keeping it.", unsupported: "This browser cannot run a model on the device." },
  receipts: "Receipts", noReceipts: "No receipts yet.", complaints: "Complaints and corrections", complaintText: "If an answer, your privacy or a label is wrong, write to the operator. A receipt number is enough to look into it; you need not repeat the content.",
  key: "Key", keyTitle: "Enter your key", keyText: "isthmus up prints the key; it begins with isk_. It stays on this device and is sent to this server only.", keyGo: "Continue", keyWrong: "This key is not known. Look again at the line printed in the terminal.", keyNet: "This server does not answer. Run isthmus up first.",
  licences: "Licences of the software used", erase: "Delete everything", eraseText: "Deletes the chats, consents, model, settings and key on this device, and withdraws consents that still stand. Of receipts only the number stays, because the law asks for it.", eraseType: "Type “{word}” to confirm", eraseWord: "delete", eraseDone: "Deleted",
  gone: { chats: "{n} chats", grants: "{n} consents withdrawn", kept: "{n} consents could not be withdrawn (no answer)", model: "The on-device model ({mb} MB)", settings: "Settings, draft and key", cache: "Offline cache" }, startAgain: "Start again", cancel: "Cancel", remove: "Delete",
  offline: "Offline. Chats can be read; answers wait for the network.", offlineTools: "Offline. Writing Tools still work.", install: "You can add this to your home screen and use it as an app.",
  e_route: "No model may answer this here. The device can try. {law}", e_screen: "This cannot be processed. Rephrase it, or see the rule.", e_cut: "The rest did not pass a check and was stopped.",
  e_quota: "Today’s quota is used up until {time}. The device still works.", e_silent: "{partner} did not respond. You were not charged.", e_model: "No model is on this device yet, and the setting allows only the device. Download one in Settings, or choose “On device first” at the top.",
  e_declined: "Nothing was sent. The setting allows only partners. Choose “On device first” at the top.", e_lost: "Interrupted here", e_offline: "Offline, so nothing was sent. Retry when the network is back.", e_key: "This key is not known or was revoked.", e_other: "This did not work.", e_age: "The law draws a line at an age here. Choose your age band in Settings.",
  e_suspended: "Service is suspended.", rule: "Rule", showRule: "See the rule", goSettings: "Open Settings",
  kinds: { TELE: "Phone", MAIL: "Email", IDNO: "ID number", CARD: "Card", CODE: "Company code", PASS: "Passport", AUTO: "Plate", BORN: "Birthday", IPNO: "IP address", IBAN: "Account", SECR: "Secret", LINK: "Link" }, detail: "Detail",
  partners: { "ChatGPT (OpenAI)": "ChatGPT" },
  regions: { CN: "Mainland China", EU: "EU", US: "United States", "US-CA": "California", "US-CO": "Colorado", "US-TX": "Texas", "US-UT": "Utah", "US-WA": "Washington", UK: "United Kingdom", DE: "Germany", FR: "France", IT: "Italy", CH: "Switzerland", JP: "Japan", KR: "Korea", HK: "Hong Kong", MO: "Macao", TW: "Taiwan", SG: "Singapore", VN: "Vietnam", IN: "India", BR: "Brazil" },
  duties: {}, verbs: {}, inForce: "since {date}", article: "Art. {n}", allRules: "{n} more rules", house: "Isthmus’s own rule",
};

export type Language = "zh-CN" | "en";
export const LANGUAGES: Record<Language, string> = { "zh-CN": "简体中文", en: "English" };
export const WORDS: Record<Language, Words> = { "zh-CN": zh, en };
export type { Words };

/** `text` with its {gaps} filled. */
export function fill(text: string, values: Record<string, string | number>): string {
  const filled = text.replace(/\{(\w+)\}/g, (gap, name: string) => String(values[name] ?? gap));
  return values.n === 1 ? filled.replace(/\b1 (item|detail|chat|consent|rule)s\b|\b1 more rules/, (many) => many.slice(0, -1)) : filled;
}

/** A partner's name, a sheet's sentence or a law as this language writes it: one script, not both. */
export function spoken(text: string, language: Language): string {
  let out = text;
  if (language === "zh-CN") {
    out = out.replace(/([\u4e00-\u9fff）》”]) ?\((?=[A-Za-z])[^()]*(?:\([^()]*\)[^()]*)*\)/g, "$1");
    for (const [name, own] of Object.entries(zh.partners)) out = out.replaceAll(name, own);
  } else {
    out = out.replace(/[\u4e00-\u9fff（）《》]+ ?\(([^()]+)\)/g, "$1").replaceAll("ChatGPT (OpenAI)", "ChatGPT");
  }
  return out;
}

/** "title 23; title 21" in short: each title once, its articles behind it. */
export function shortLaw(law: string, language: Language): string {
  const byTitle = new Map<string, string[]>();
  for (const each of law.split("; ").filter(Boolean)) {
    const cut = each.lastIndexOf(" ");
    const tail = each.slice(cut + 1);
    const article = /\d/.test(tail) ? tail : "";
    const title = spoken(article ? each.slice(0, cut) : each, language);
    byTitle.set(title, [...(byTitle.get(title) ?? []), article].filter(Boolean).sort((a, b) => parseInt(a, 10) - parseInt(b, 10)));
  }
  return [...byTitle].map(([title, articles]) => citation(title, articles, language)).join(language === "en" ? "; " : "；");
}

export function citation(title: string, articles: string[], language: Language): string {
  const short = [...title.matchAll(/\(([A-Z]{2,})\)/g)].at(-1)?.[1];
  const name = language === "en" && short ? short : title;
  if (articles.length === 0) return name;
  return language === "en" ? `${name} Art. ${articles.join(", ")}` : `${name}第${articles.join("、")}条`;
}
